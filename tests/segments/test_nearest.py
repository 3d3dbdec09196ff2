"""The nearest feature of every parcel, against all distances computed by GEOS one by one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.affinity import rotate, translate
from shapely.geometry.base import BaseGeometry

from geo_service.errors import MeasureFailed
from geo_service.overlay import nearest, neighbours
from geo_service.rings import BrokenShape, Shapes, from_wkb
from geo_service.segments import SegmentIndex, index

EASTING, NORTHING = 38_414_000.0, 4_013_000.0
OUTER = shapely.box(0, 0, 100, 100)
PARCEL = shapely.difference(OUTER, shapely.box(30, 30, 70, 70))


def shapes_of(*geometries: BaseGeometry) -> Shapes:
    return from_wkb([geometry.wkb for geometry in geometries])


def by_all_pairs(
    parcels: list[BaseGeometry], features: list[BaseGeometry], limit_m: float, eligible: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The first of the nearest among all features, by GEOS."""
    distances = shapely.distance(np.array(parcels)[:, None], np.array(features)[None, :])
    if eligible is not None:
        distances[:, ~eligible] = np.inf
    distances[distances > limit_m] = np.inf
    least = distances.min(axis=1)
    return np.where(np.isfinite(least), distances.argmin(axis=1), -1), least


def agree(parcels: list[BaseGeometry], features: list[BaseGeometry], limit_m: float, eligible=None) -> None:
    found = index(shapes_of(*features)).nearest(shapes_of(*parcels), limit_m, eligible=eligible)
    feature, distance_m = by_all_pairs(parcels, features, limit_m, eligible)
    assert found.feature.tolist() == feature.tolist()
    np.testing.assert_allclose(found.distance_m, distance_m, rtol=0.0, atol=1e-9)


def centimetres(span: int) -> st.SearchStrategy[float]:
    return st.integers(-span, span).map(lambda number: number / 100)


def places() -> st.SearchStrategy[tuple[float, float]]:
    return st.tuples(centimetres(30_000), centimetres(30_000))


def lines() -> st.SearchStrategy[BaseGeometry]:
    """Lines of few and of many vertices, some of which cross themselves or stand still."""
    steps = st.tuples(centimetres(4_000), centimetres(4_000))
    return st.builds(
        lambda start, moves: shapely.LineString(
            np.array([EASTING, NORTHING]) + np.cumsum([start, *moves], axis=0).round(2)
        ),
        places(),
        st.lists(steps, min_size=1, max_size=14),
    )


def polygons() -> st.SearchStrategy[BaseGeometry]:
    """Stars of up to 40 corners, some with a hole, some of two parts."""

    def star(place: tuple[float, float], corners: int, size: float, hollow: bool, twice: bool) -> BaseGeometry:
        angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
        radius = size * np.where(np.arange(corners) % 2, 0.6, 1.0)
        ring = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        middle = np.array([EASTING, NORTHING]) + place
        shape = shapely.Polygon(middle + ring, [middle + 0.5 * ring] if hollow else [])
        return shapely.MultiPolygon([shape, translate(shape, 3 * size, size)]) if twice else shape

    return st.builds(star, places(), st.integers(3, 40), st.floats(1.0, 200.0), st.booleans(), st.booleans())


@given(
    st.lists(polygons(), min_size=1, max_size=3),
    st.lists(lines() | polygons(), min_size=1, max_size=6),
    st.sampled_from([0.0, 5.0, 100.0, 5_000.0]),
    st.data(),
)
def test_what_all_pairs_give_is_found(parcels, features, limit_m, data) -> None:
    eligible = np.array(data.draw(st.lists(st.booleans(), min_size=len(features), max_size=len(features))))
    agree(parcels, features, limit_m)
    agree(parcels, features, limit_m, eligible)


@pytest.mark.parametrize(
    ("feature", "distance_m"),
    [
        (shapely.LineString([(10, 10), (20, 10)]), 0.0),  # inside
        (shapely.LineString([(45, 50), (55, 50)]), 15.0),  # in the hole
        (shapely.LineString([(45, 50), (70, 50)]), 0.0),  # from the hole to its edge
        (shapely.LineString([(-50, 50), (150, 50)]), 0.0),  # right across
        (shapely.LineString([(100, 40), (140, 40)]), 0.0),  # touches an edge
        (shapely.LineString([(100, 100), (140, 140)]), 0.0),  # touches a corner
        (shapely.LineString([(100, -10), (100, 110)]), 0.0),  # runs along an edge
        (shapely.LineString([(103, 107), (104, 200)]), np.hypot(3, 7)),  # past a corner
        (shapely.box(-1000, -1000, 1000, 1000), 0.0),  # the parcel lies within it
        (shapely.box(40, 40, 60, 60), 10.0),  # within the hole
        (shapely.difference(shapely.box(-1000, -1000, 1000, 1000), shapely.box(-20, -30, 120, 130)), 20.0),  # around
        (shapely.MultiLineString([[(500, 0), (500, 9)], [(104, 0), (104, 9)]]), 4.0),  # the nearer part
    ],
)
def test_a_distance_is_from_the_boundary_outwards(feature, distance_m) -> None:
    # Turned half way the line's first vertex is its last one; far to the east only small numbers change.
    for parcel, other in ((PARCEL, feature), (PARCEL, shapely.reverse(feature))):
        for east in (0.0, EASTING):
            found = index(shapes_of(translate(other, east))).nearest(shapes_of(translate(parcel, east)), 1000.0)
            assert found.distance_m.tolist() == pytest.approx([distance_m], abs=1e-9)


def test_a_parcel_of_two_parts_lies_in_a_polygon_with_either() -> None:
    parcel = shapely.MultiPolygon([shapely.box(0, 0, 10, 10), shapely.box(500, 0, 510, 10)])
    ground = shapely.box(400, -100, 600, 100)
    assert index(shapes_of(ground)).nearest(shapes_of(parcel), 100.0).distance_m.tolist() == [0.0]


def test_the_limit_is_included_and_nothing_beyond_it_is_found() -> None:
    mains = index(shapes_of(shapely.LineString([(0, 105), (100, 105)])))
    assert mains.nearest(shapes_of(OUTER), 5.0).distance_m.tolist() == [5.0]
    beyond = mains.nearest(shapes_of(OUTER), float(np.nextafter(5.0, 0.0)))
    assert (beyond.feature.tolist(), beyond.distance_m.tolist()) == ([-1], [np.inf])
    assert mains.nearest(shapes_of(OUTER), np.inf).distance_m.tolist() == [5.0]


@pytest.mark.parametrize("limit_m", [-1.0, np.nan])
def test_what_is_no_distance_is_refused(limit_m) -> None:
    with pytest.raises(MeasureFailed):
        index(shapes_of(OUTER)).nearest(shapes_of(OUTER), limit_m)


def test_flags_for_other_features_are_refused() -> None:
    with pytest.raises(MeasureFailed):
        index(shapes_of(OUTER)).nearest(shapes_of(OUTER), 1.0, eligible=np.ones(2, dtype=bool))


def test_where_there_is_nothing_nothing_is_found() -> None:
    empty = index(from_wkb([]))
    assert empty.nearest(shapes_of(OUTER), 100.0).feature.tolist() == [-1]
    assert index(shapes_of(OUTER)).nearest(from_wkb([]), 100.0).feature.tolist() == []
    void = from_wkb([b"", OUTER.wkb])
    assert index(void).nearest(void, 100.0).feature.tolist() == [-1, 1]


@pytest.mark.parametrize("distance_m", [0.0, 5.0])
def test_the_same_distance_goes_to_the_least_rank(distance_m) -> None:
    crossing = [
        shapely.box(-5, 50, 5, 60),
        shapely.LineString([(-5, 20), (500, 20)]),
        shapely.box(-500, -500, 500, 500),
    ]
    apart = [shapely.LineString([(x, -5), (x + 9, -5)]) for x in (0, 40, 80)]
    features = shapes_of(*(apart if distance_m else crossing))
    for rank in ([0, 1, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]):
        found = index(features, np.array(rank)).nearest(shapes_of(OUTER), 100.0)
        assert (found.feature.tolist(), found.distance_m.tolist()) == ([rank.index(0)], [distance_m])


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_number_that_is_none_is_refused_on_both_sides(number) -> None:
    broken = shapes_of(OUTER, PARCEL)
    broken.xy[7, 1] = number
    with pytest.raises(BrokenShape):
        index(broken)
    with pytest.raises(BrokenShape):
        index(shapes_of(OUTER)).nearest(broken, 1.0)


def district(parcels: int) -> tuple[Shapes, SegmentIndex]:
    """Parcels of which several blocks are made, and winding lines between them."""
    random = np.random.default_rng(11)
    corner = np.array([EASTING, NORTHING]) + random.integers(0, 2_000_000, (parcels, 2)) / 100
    size = random.integers(1_000, 9_000, (parcels, 2)) / 100
    boxes = shapely.box(*corner.T, *(corner + size).T)
    steps = random.normal(0, 60, (300, 40, 2))
    steps[:, 0] = random.uniform(0, 20_000, (300, 2))
    winding = shapely.linestrings(np.array([EASTING, NORTHING]) + np.cumsum(steps, axis=1).round(3))
    return shapes_of(*boxes), index(shapes_of(*winding))


def test_threads_blocks_and_the_order_of_parcels_change_no_bit() -> None:
    parcels, mains = district(12_000)
    once = mains.nearest(parcels, 1_500.0, threads=1)
    assert (once.feature < 0).any()
    assert (once.feature >= 0).any()
    again = mains.nearest(parcels, 1_500.0, threads=2)
    order = np.random.default_rng(3).permutation(len(parcels))
    shuffled = mains.nearest(parcels.take(order), 1_500.0, threads=2)
    alone = [mains.nearest(parcels.slice(row, row + 1), 1_500.0) for row in range(200)]
    for name in ("feature", "distance_m"):
        expected = getattr(once, name)
        assert getattr(again, name).tobytes() == expected.tobytes()
        assert getattr(shuffled, name).tobytes() == expected[order].tobytes()
        assert np.concatenate([getattr(one, name) for one in alone]).tobytes() == expected[:200].tobytes()


@given(st.lists(polygons(), min_size=1, max_size=2), st.lists(lines() | polygons(), min_size=1, max_size=4))
def test_where_and_how_things_lie_does_not_matter(parcels, features) -> None:
    found = index(shapes_of(*features)).nearest(shapes_of(*parcels), 5_000.0)
    turned = [rotate(shape, 33.0, origin=(EASTING, NORTHING)) for shape in (*parcels, *features)]
    moved = [translate(shape, -38_000_000.0, 0.0) for shape in (*parcels, *features)]
    for shapes in (turned, moved):
        own, others = shapes[: len(parcels)], shapes[len(parcels) :]
        other = index(shapes_of(*others)).nearest(shapes_of(*own), 5_000.0)
        # A coordinate of 38,000,000 m is stored to 4e-9 m.
        np.testing.assert_allclose(other.distance_m, found.distance_m, rtol=0.0, atol=1e-7)


@given(polygons(), st.lists(lines(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_lines_cut_turned_round_or_shuffled_are_as_near(parcel, features, random) -> None:
    found = index(shapes_of(*features)).nearest(shapes_of(parcel), 5_000.0)
    cut = [
        shapely.MultiLineString([points[at : at + 2] for at in range(len(points) - 1)])
        for points in map(shapely.get_coordinates, map(shapely.reverse, features))
    ]
    random.shuffle(cut)
    again = index(shapes_of(*cut)).nearest(shapes_of(parcel), 5_000.0)
    np.testing.assert_allclose(again.distance_m, found.distance_m, rtol=0.0, atol=1e-9)


def test_a_feature_of_points_lines_and_polygons_is_as_near_as_its_nearest_part() -> None:
    station = shapely.GeometryCollection([shapely.Point(150, 50), shapely.box(400, 0, 410, 10)])
    pole = shapely.MultiPoint([(90, 500), (50, 107)])
    layer = neighbours(np.array([station, None, pole]), ["station", "void", "pole"])
    parcel = shapes_of(OUTER)
    assert nearest(parcel, layer, [0, 1], 100.0).distance_m == 50.0
    assert nearest(parcel, layer, [0, 1, 2], 100.0).id == "pole"
    assert nearest(parcel, layer, [1], 100.0) is None


def write(path: Path, geometries: list[BaseGeometry], ids: list[object], crs: str = "4547") -> str:
    described = {
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": {
            "geometry": {
                "encoding": "WKB",
                "geometry_types": [],
                "crs": {"id": {"authority": "EPSG", "code": crs}},
            }
        },
    }
    table = pa.table({"id": ids, "geometry": [geometry.wkb for geometry in geometries]})
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(described)}), path)
    return str(path)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "geo_service.segments", *arguments], capture_output=True, text=True, check=False
    )


def test_files_give_a_row_for_every_parcel_and_layer(tmp_path) -> None:
    parcels = write(tmp_path / "parcels.parquet", [OUTER, translate(OUTER, 9_000)], ["P1", "P2"])
    ways = [shapely.LineString([(0, -y), (100, -y)]) for y in (7, 7, 9)]
    roads = write(tmp_path / "roads.parquet", ways, ["r2", "r1", "r0"])
    out = tmp_path / "out.parquet"
    done = run(parcels, f"road={roads}:20", f"far={roads}:6", "-o", str(out))
    assert done.returncode == 0, done.stderr
    assert pq.read_table(out).to_pylist() == [
        {"id": "P1", "layer": "road", "feature": "r1", "distance_m": 7.0},
        {"id": "P2", "layer": "road", "feature": None, "distance_m": None},
        {"id": "P1", "layer": "far", "feature": None, "distance_m": None},
        {"id": "P2", "layer": "far", "feature": None, "distance_m": None},
    ]


def test_files_in_two_crs_are_refused(tmp_path) -> None:
    parcels = write(tmp_path / "parcels.parquet", [OUTER], ["P1"])
    roads = write(tmp_path / "roads.parquet", [OUTER], ["r1"], crs="4526")
    done = run(parcels, f"road={roads}:20", "-o", str(tmp_path / "out.parquet"))
    assert done.returncode != 0
    assert "EPSG:4526" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.parquet").exists()


def test_a_file_without_geometry_is_refused(tmp_path) -> None:
    pq.write_table(pa.table({"id": ["x"]}), tmp_path / "bare.parquet")
    bare = str(tmp_path / "bare.parquet")
    done = run(bare, f"road={bare}:20", "-o", str(tmp_path / "out.parquet"))
    assert done.returncode != 0
    assert "GeoParquet" in done.stderr
    assert "Traceback" not in done.stderr
