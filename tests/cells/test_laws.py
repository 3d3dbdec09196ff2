"""Laws of measuring with cells: what must hold for any parcels and any layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st
from shapely.geometry.base import BaseGeometry

from geo_service.cells import areas, measuring, prepare
from geo_service.rings import Shapes, from_geoarrow, from_wkb
from tests.cells.asking import KNOWN, WHOLE, Table, layer_of, measured, shapes, tables
from tests.cells.drawing import EAST, NORTH, POLYGONS, layers
from tests.cells.families import ORIGIN, Case, cases, star
from tests.conftest import LAWS


def bound(area_m2: float) -> float:
    """The deviation that double arithmetic may bring."""
    return 1e-6 + 1e-12 * area_m2


def assert_same(one: Sequence[Table], other: Sequence[Table]) -> None:
    """No row of any parcel differs by more than rounding; a row that is not there is zero."""
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        for name in left.keys() | right.keys():
            assert left.get(name, 0.0) == pytest.approx(right.get(name, 0.0), abs=bound(left["parcel"])), name


def each(case: Case, change: Callable[[BaseGeometry], BaseGeometry]) -> Case:
    """Apply a change to every geometry of a case."""
    return replace(
        case,
        parcels=[change(shape) for shape in case.parcels],
        features=[change(shape) for shape in case.features],
        surveyed=None if case.surveyed is None else [change(shape) for shape in case.surveyed],
    )


def by_ring(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[BaseGeometry], BaseGeometry]:
    """Apply a change to every ring of a geometry."""

    def one(polygon: BaseGeometry) -> BaseGeometry:
        return shapely.Polygon(
            change(np.asarray(polygon.exterior.coords)), [change(np.asarray(ring.coords)) for ring in polygon.interiors]
        )

    def every(shape: BaseGeometry) -> BaseGeometry:
        return shapely.MultiPolygon([one(part) for part in shape.geoms]) if hasattr(shape, "geoms") else one(shape)

    return every


def polygonal(shape: BaseGeometry) -> BaseGeometry:
    """Keep what has an area."""
    return shapely.MultiPolygon([part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"])


@LAWS
@given(layers())
def test_covered_uncovered_and_unsurveyed_ground_add_up_to_the_parcel(case) -> None:
    around = shapely.box(EAST - 400, NORTH - 400, EAST + 400, NORTH + 400)
    covered = shapely.union_all(case.features)
    known = shapely.union_all([covered, *(case.surveyed or [])]) if case.surveyed is not None else around
    uncovered = polygonal(shapely.difference(known, covered))
    unsurveyed = polygonal(shapely.difference(around, known))

    found = measured(case)
    bare = measured(Case(case.parcels, [uncovered, unsurveyed], ["uncovered", "unsurveyed"], cell_m=case.cell_m))

    for own, rest in zip(found, bare, strict=True):
        total = own["parcel"]
        parts = own.get("*", 0.0), rest.get("uncovered", 0.0), rest.get("unsurveyed", 0.0)
        assert sum(parts) == pytest.approx(total, abs=3 * bound(total))
        if case.surveyed is not None:
            # The same, as the engine itself tells the three apart in one pass.
            assert own.get("known", 0.0) - parts[0] == pytest.approx(parts[1], abs=2 * bound(total))
            assert total - own.get("known", 0.0) == pytest.approx(parts[2], abs=2 * bound(total))


@LAWS
@given(layers())
def test_no_part_is_more_than_the_whole(case) -> None:
    for table in measured(case):
        most = table["parcel"] + bound(table["parcel"])
        named = [table.get(name, 0.0) for name in ("a", "b")]
        assert max(named) <= table.get("*", 0.0) + bound(most)
        assert table.get("*", 0.0) <= most
        if None not in case.classes:
            assert table.get("*", 0.0) <= sum(named) + bound(most)
        if case.surveyed is not None:
            assert table.get("*", 0.0) - bound(most) <= table.get("known", 0.0) <= most
        else:
            assert "known" not in table


@LAWS
@given(st.lists(POLYGONS, min_size=2, max_size=3), st.lists(POLYGONS, min_size=1, max_size=2))
def test_the_union_is_what_inclusion_and_exclusion_make_it(features, parcels) -> None:
    # Every class by itself, with all intersections of two and of three as further layers.
    count = len(features)
    subsets = [[index for index in range(count) if subset >> index & 1] for subset in range(1, 1 << count)]
    drawn = [polygonal(shapely.intersection_all([features[index] for index in subset])) for subset in subsets]
    names = ["".join(map(str, subset)) for subset in subsets]
    separate = measured(Case(parcels, drawn, names))
    together = measured(Case(parcels, features, ["a", "b", "c"][:count]))

    for parts, whole in zip(separate, together, strict=True):
        signed = sum((-1) ** (len(name) + 1) * parts.get(name, 0.0) for name in names)
        assert whole.get("*", 0.0) == pytest.approx(signed, abs=len(names) * bound(whole["parcel"]))
        for cls, name in zip("abc", map(str, range(count)), strict=False):
            assert whole.get(cls, 0.0) == pytest.approx(parts.get(name, 0.0), abs=bound(whole["parcel"]))


@LAWS
@given(layers(), st.integers(-3_000, 3_000), st.integers(-3_000, 3_000))
def test_moving_everything_by_metres_changes_nothing(case, east, north) -> None:
    assert_same(
        measured(case),
        measured(each(case, lambda shape: shapely.transform(shape, lambda xy: xy + np.array([east, north])))),
    )


@LAWS
@given(layers(), st.floats(0.0, 360.0))
def test_turning_everything_changes_nothing(case, degrees) -> None:
    turn = np.radians(degrees)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    centre = np.array([EAST, NORTH])
    turned = each(case, lambda shape: shapely.transform(shape, lambda xy: (xy - centre) @ matrix + centre))
    # Turned vertices are rounded to what doubles hold at such northings, by up to 5e-10 m each.
    assume(all(shape.is_valid for shape in [*turned.parcels, *turned.features, *(turned.surveyed or [])]))
    assert_same(measured(case), measured(turned))


@LAWS
@given(layers(), st.integers(0, 7), st.booleans(), st.booleans())
def test_where_a_ring_begins_and_which_way_it_runs_changes_nothing(case, start, reverse, parts) -> None:
    def change(ring: np.ndarray) -> np.ndarray:
        ring = np.roll(ring[:-1], start, axis=0)
        ring = ring[::-1] if reverse else ring
        return np.concatenate([ring, ring[:1]])

    def every(shape: BaseGeometry) -> BaseGeometry:
        shape = by_ring(change)(shape)
        return shapely.MultiPolygon(list(shape.geoms)[::-1]) if parts and hasattr(shape, "geoms") else shape

    assert_same(measured(case), measured(each(case, every)))


@LAWS
@given(layers(), st.integers(1, 3))
def test_vertices_on_an_edge_and_vertices_said_twice_change_nothing(case, each_edge) -> None:
    def more(ring: np.ndarray) -> np.ndarray:
        shares = np.arange(each_edge + 1)[:, None, None] / (each_edge + 1)
        between = ring[None, :-1] + shares * (ring[1:] - ring[:-1])
        dense = between.transpose(1, 0, 2).reshape(-1, 2)
        return np.concatenate([dense[:1], dense, ring[-1:]])

    dense = each(case, by_ring(more))
    # The points are on the edges to within rounding, which can make a boundary cross itself there.
    assume(all(shape.is_valid for shape in [*dense.parcels, *dense.features, *(dense.surveyed or [])]))
    assert_same(measured(case), measured(dense))


@LAWS
@given(layers(least=1), st.randoms(use_true_random=False), st.lists(st.integers(0, 3), max_size=3))
def test_order_and_repetition_of_features_change_nothing(case, random, again) -> None:
    order = list(range(len(case.features))) + [index % len(case.features) for index in again]
    random.shuffle(order)
    shuffled = replace(
        case,
        features=[case.features[index] for index in order],
        classes=[case.classes[index] for index in order],
        surveyed=None if case.surveyed is None else [*case.surveyed[::-1], *case.surveyed],
    )
    assert_same(measured(case), measured(shuffled))


@LAWS
@given(layers(least=1, most=3), st.integers(-40, 40), st.booleans())
def test_features_in_several_pieces_are_the_same_ground(case, where, upright) -> None:
    cut = (EAST if upright else NORTH) + where
    low, high = (EAST - 900, NORTH - 900), (EAST + 900, NORTH + 900)
    one, other = (
        (shapely.box(*low, cut, high[1]), shapely.box(cut, low[1], *high))
        if upright
        else (shapely.box(*low, high[0], cut), shapely.box(low[0], cut, *high))
    )
    features, classes = [], []
    for feature, cls in zip(case.features, case.classes, strict=True):
        pieces = [polygonal(shapely.intersection(feature, side)) for side in (one, other)]
        features += [piece for piece in pieces if not piece.is_empty]
        classes += [cls] * sum(not piece.is_empty for piece in pieces)
    assert_same(measured(case), measured(replace(case, features=features, classes=classes)))


@LAWS
@given(layers(), st.sampled_from([4.0, 16.0, 64.0, 256.0, 1024.0, 65536.0]))
def test_the_size_of_cells_changes_nothing(case, cell_m) -> None:
    assert_same(measured(case), measured(replace(case, cell_m=cell_m)))


@LAWS
@given(layers(), POLYGONS, st.sampled_from(["a", "b", None]))
def test_one_more_feature_never_covers_less(case, extra, cls) -> None:
    more = replace(case, features=[*case.features, extra], classes=[*case.classes, cls])
    for before, after in zip(measured(case), measured(more), strict=True):
        for name in before:
            assert after.get(name, 0.0) >= before[name] - bound(before["parcel"])


@LAWS
@given(layers(least=1), st.integers(-50, 50), st.integers(-50, 50))
def test_splitting_a_parcel_adds_up(case, east, north) -> None:
    x, y = EAST + east, NORTH + north
    quarters = [shapely.box(x - 900, y - 900, x, y), shapely.box(x, y - 900, x + 900, y),
                shapely.box(x - 900, y, x, y + 900), shapely.box(x, y, x + 900, y + 900)]  # fmt: skip
    for parcel, whole in zip(case.parcels, measured(case), strict=True):
        pieces = [polygonal(shapely.intersection(parcel, quarter)) for quarter in quarters]
        found = measured(replace(case, parcels=[piece for piece in pieces if not piece.is_empty]))
        for name in whole.keys() | {name for table in found for name in table}:
            assert sum(table.get(name, 0.0) for table in found) == pytest.approx(
                whole.get(name, 0.0), abs=4 * bound(whole["parcel"])
            )


@LAWS
@given(layers(), layers(most=2), st.integers(300, 9_000))
def test_far_features_and_other_layers_change_no_bit(case, other, away) -> None:
    far = shapely.box(EAST + away, NORTH + away, EAST + away + 50, NORTH + away + 9)
    case, other = replace(case, cell_m=64.0), replace(other, cell_m=64.0)
    parcels = shapes(case.parcels)
    own, beside = layer_of(case), layer_of(other)
    alone = tables(areas(parcels, [own], threads=1), own)
    distant = layer_of(Case([], [far], ["a"], cell_m=case.cell_m))
    both = areas(parcels, [distant, own, beside, own], threads=1)

    assert tables(both, own, 1) == alone
    assert tables(both, own, 3) == alone
    assert tables(both, beside, 2) == tables(areas(parcels, [beside], threads=1), beside)
    assert all(set(table) == {"parcel"} for table in tables(both, distant, 0))
    # A far feature of the layer itself moves its corner, and with it the frame in which it was cut.
    assert_same(alone, measured(replace(case, features=[*case.features, far], classes=[*case.classes, "b"])))


@LAWS
@given(layers())
def test_a_parcel_alone_and_among_others_gives_the_same_bits(case) -> None:
    layer = layer_of(case)
    together = tables(areas(shapes(case.parcels), [layer], threads=1), layer)
    backwards = tables(areas(shapes(case.parcels[::-1]), [layer], threads=1), layer)
    alone = [tables(areas(shapes([parcel]), [layer]), layer)[0] for parcel in case.parcels]

    assert together == alone == backwards[::-1]


def same_bits(one: Shapes, other: Shapes) -> bool:
    fields = ("xy", "chain_at", "shape_at", "outer", "polygonal")
    return all(np.array_equal(getattr(one, field), getattr(other, field)) for field in fields)


def geoarrow(geometries: Sequence[BaseGeometry], interleaved: bool) -> pa.Array:
    """Multipolygons as lists of lists of lists of points."""
    point = pa.list_(pa.float64(), 2) if interleaved else pa.struct([("x", pa.float64()), ("y", pa.float64())])
    rows = [
        [
            [
                [list(xy) if interleaved else {"x": xy[0], "y": xy[1]} for xy in ring.coords]
                for ring in (part.exterior, *part.interiors)
            ]
            for part in shapely.get_parts(shape)
        ]
        for shape in geometries
    ]
    return pa.array(rows, type=pa.list_(pa.list_(pa.list_(point))))


@LAWS
@given(layers(least=1, extents=False), st.integers(1, 4))
def test_the_container_changes_no_bit(tmp_path_factory, case, group) -> None:
    drawn = [*case.parcels, *case.features]
    wkb = [shapely.to_wkb(shape) for shape in drawn]
    plain = from_wkb(wkb)
    padded = pa.array([b"left out", *wkb, b"left out"])
    path = tmp_path_factory.getbasetemp() / "container.parquet"
    pq.write_table(pa.table({"geometry": pa.array(wkb)}), path, row_group_size=group)
    extended = [shapely.to_wkb(shapely.set_srid(shapely.force_3d(shape, 7.5), 4547), include_srid=True, flavor=flavor)
                for shape, flavor in zip(drawn, ["extended"] * len(drawn), strict=True)]  # fmt: skip

    for other in (
        from_wkb(pa.array(wkb)),
        from_wkb(pa.array(wkb, type=pa.large_binary())),
        from_wkb(padded[1:-1]),
        from_wkb(pa.chunked_array([wkb[:1], wkb[1:]])),
        from_wkb(pq.read_table(path)["geometry"]),
        from_wkb(extended),
        from_wkb([shapely.to_wkb(shapely.force_3d(shape, 7.5), flavor="iso") for shape in drawn]),
        from_geoarrow(geoarrow(drawn, interleaved=True)),
        from_geoarrow(geoarrow(drawn, interleaved=False)),
        from_geoarrow(geoarrow([drawn[0], *drawn, drawn[0]], interleaved=True)[1:-1]),
    ):
        assert same_bits(plain, other)

    batches = [from_wkb(batch.column(0)) for batch in pq.ParquetFile(path).iter_batches(group)]
    layer = layer_of(case)
    whole = tables(areas(plain, [layer], threads=1), layer)
    assert [table for batch in batches for table in tables(areas(batch, [layer], threads=1), layer)] == whole


def city(count: int) -> tuple[list[BaseGeometry], list[Case]]:
    """Parcels over several blocks of work, and three layers that most of them meet."""
    rng = np.random.default_rng(7)
    places = ORIGIN + rng.uniform(-1500, 1500, (count, 2))
    turn = np.linspace(0.0, 2 * np.pi, 6)[:-1]
    spokes = rng.uniform(5, 40, (count, 5))
    rings = places[:, None] + spokes[..., None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    drawn = [star(rng, ORIGIN + rng.uniform(-1500, 1500, 2), rng.uniform(50, 700), 40, holes=0.3) for _ in range(60)]
    classes = [["a", "b", "c", None][index % 4] for index in range(len(drawn))]
    layered = [Case([], drawn[start::3], classes[start::3], surveyed=drawn[:start], cell_m=128.0) for start in range(3)]
    return list(shapely.polygons(rings)), layered


def test_threads_blocks_and_order_change_no_bit(monkeypatch) -> None:
    parcels, layered = city(10_000)
    asked = shapes(parcels)
    one = [layer_of(case, threads=1) for case in layered]
    two = [layer_of(case, threads=2) for case in layered]
    first = areas(asked, one, threads=1)
    fields = ("parcel", "layer", "cls", "area_m2", "parcel_m2")

    assert len(first.area_m2) > 20_000
    for other in (areas(asked, one, threads=2), areas(asked, two, threads=2), areas(asked, two, threads=7)):
        assert all(getattr(first, field).tobytes() == getattr(other, field).tobytes() for field in fields)
    for size in (1, 777, 1_000_000):
        monkeypatch.setattr(measuring, "BLOCK", size)
        part = areas(asked.slice(0, 3_000), one, threads=2)
        rows = len(part.area_m2)
        assert part.area_m2.tobytes() == first.area_m2[:rows].tobytes()
        assert part.parcel.tobytes() == first.parcel[:rows].tobytes()
    monkeypatch.undo()

    order = np.random.default_rng(1).permutation(len(asked))
    mixed = areas(asked.take(order), one, threads=2)
    back = np.lexsort((mixed.cls, mixed.layer, order[mixed.parcel]))
    forth = np.lexsort((first.cls, first.layer, first.parcel))
    assert np.array_equal(order[mixed.parcel][back], first.parcel[forth])
    assert mixed.area_m2[back].tobytes() == first.area_m2[forth].tobytes()


def test_rows_come_by_parcel_by_layer_and_by_class_the_whole_and_the_known_ground_last() -> None:
    parcels, layered = city(500)
    found = areas(shapes(parcels), [layer_of(case) for case in layered])
    last = np.where(found.cls < 0, 100 - found.cls, found.cls)
    rows = list(zip(found.parcel.tolist(), found.layer.tolist(), last.tolist(), strict=True))

    assert len(rows) == len(set(rows))
    assert rows == sorted(rows)
    assert {WHOLE, KNOWN, 0, 1, 2} == set(found.cls.tolist())


def test_preparing_with_more_threads_writes_the_same_bytes(tmp_path) -> None:
    case = city(1)[1][2]
    for threads in (1, 2, 5):
        layer_of(case, threads=threads).write(tmp_path / f"{threads}.cells")

    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


@pytest.mark.parametrize("family", ["surveyed", "many_classes", "on_cell_borders"])
def test_a_layer_read_back_answers_with_the_same_bits(tmp_path, family) -> None:
    from geo_service.cells import Prepared

    for seed in range(5):
        case = cases(family, seed)
        layer = layer_of(case)
        layer.write(tmp_path / "layer.cells")
        again = Prepared.open(tmp_path / "layer.cells")

        assert tables(areas(shapes(case.parcels), [again]), again) == measured(case)
        assert again.classes == layer.classes


def test_a_layer_without_features_covers_nothing() -> None:
    parcel = shapes([star(np.random.default_rng(3), ORIGIN, 50.0)])
    nothing = prepare(shapes([]), [])
    unseen = prepare(shapes([]), [], surveyed=shapes([]))
    seen = prepare(shapes([]), [], surveyed=shapes([shapely.box(*(ORIGIN - 99), *(ORIGIN + 99))]))

    assert set(tables(areas(parcel, [nothing]), nothing)[0]) == {"parcel"}
    assert set(tables(areas(parcel, [unseen]), unseen)[0]) == {"parcel"}
    table = tables(areas(parcel, [seen]), seen)[0]
    assert set(table) == {"parcel", "known"}
    assert table["known"] == pytest.approx(table["parcel"], abs=1e-9)
    assert len(areas(shapes([]), [seen]).parcel_m2) == 0
    assert len(areas(parcel, []).area_m2) == 0
