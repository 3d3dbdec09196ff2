"""Real files beside the checkout, from the command line: mines that overlap, GBK shapefiles, surveyors' TXT."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import shapely
from pyproj import Transformer

from geo_service.store.definitions import bundled
from geo_service.store.workspace import Workspace
from tests.e2e.commands import Ran, run_each

CRS = "EPSG:4547"
COUNTIES = """
id = "counties"
title = {zh = "县区", en = "Counties"}
geometry = "polygon"
group = "context"

[[fields]]
name = "id"
title = {zh = "区划代码", en = "Code"}

[[fields]]
name = "name"
title = {zh = "县区名称", en = "County"}
"""
IN_PLANE = Transformer.from_crs("OGC:CRS84", CRS, always_xy=True)


def in_plane(geometry: shapely.Geometry) -> shapely.Geometry:
    """Edges straight in lon/lat, by a point every metre or so, none of the project's own code."""
    return shapely.transform(
        shapely.segmentize(geometry, 1e-5), lambda points: np.column_stack(IN_PLANE.transform(*points.T))
    )


def boxes_over(mines: list[shapely.Geometry]) -> list[shapely.Geometry]:
    """Parcels across corners, edges and overlaps of the mines."""
    places = [mine.exterior.coords[0] for mine in mines]
    places += [tuple(np.mean(mine.exterior.coords[:2], axis=0)) for mine in mines]
    for number, mine in enumerate(mines):
        for other in mines[:number]:
            common = shapely.intersection(mine, other)
            if common.area > 0:
                places += [(shapely.point_on_surface(common).x, shapely.point_on_surface(common).y)]
                places += [tuple(shapely.get_coordinates(common)[0])]
    # West of this the working CRS is another one.
    centres = [IN_PLANE.transform(*place) for place in places if place[0] > 112.55]
    small = [shapely.box(x - 217, y - 199, x + 231, y + 203) for x, y in np.round(centres)]
    x, y = np.round(centres[0])
    return [*small, shapely.box(x - 2000, y - 1500, x + 1800, y + 2100)]


@pytest.fixture(scope="module")
def mines(shared: Path) -> list[shapely.Geometry]:
    found = json.loads((shared / "changzhi_mines_gem/mine_boundaries.geojson").read_text(encoding="utf-8"))
    return [shapely.geometry.shape(feature["geometry"]) for feature in found["features"]]


@pytest.fixture(scope="module")
def parcels(mines: list[shapely.Geometry]) -> list[shapely.Geometry]:
    return boxes_over(mines)


@pytest.fixture(scope="module")
def ran(
    shared: Path, parcels: list[shapely.Geometry], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Ran]]:
    folder = tmp_path_factory.mktemp("mines")
    features = [
        {"type": "Feature", "properties": {"id": f"P-{number}"}, "geometry": shapely.geometry.mapping(parcel)}
        for number, parcel in enumerate(parcels)
    ]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4547"}}
    body = {"type": "FeatureCollection", "crs": crs, "features": features}
    (folder / "parcels.geojson").write_text(json.dumps(body))
    file = shared / "changzhi_mines_gem/mine_boundaries.geojson"
    on = ["--workspace", "ws"]
    return folder, run_each(
        ["init", "ws", "--as-of", "2026-12-01"],
        ["import", "mining_rights", file, "--crs", "EPSG:4326", "--edition-date", "2026-11-18", *on],
        ["check", "parcels.geojson", "--json", *on],
        cwd=folder,
    )


def test_all_mines_are_imported_with_their_names(ran: tuple[Path, list[Ran]]) -> None:
    folder, (_, imported, _) = ran
    assert imported.code == 0, imported.err
    assert "读取 read 20 = 入库 stored 20" in imported.text
    features = Workspace.open(folder / "ws").layer_set().features("mining_rights")
    assert features is not None
    names = dict(zip(features.ids, features.attributes["name"], strict=True))
    assert len(names) == 20
    assert names["M3707.B1"] == "Changcun Coal Mine"
    assert names["M2103.B1"] == "Sanyuan Coal Mine"


def test_overlaps_count_once_and_edges_stay_straight(
    ran: tuple[Path, list[Ran]], mines: list[shapely.Geometry], parcels: list[shapely.Geometry]
) -> None:
    _, (_, _, checked) = ran
    records = checked.json["records"]
    assert len(records) == len(parcels) > 40
    mined = [in_plane(mine) for mine in mines]
    doubly = 0
    for body, parcel in zip(records, parcels, strict=True):
        assert body["parcel"]["crs"] == CRS
        near = [mine for mine in mined if shapely.intersects(mine, parcel)]
        expected = shapely.intersection(shapely.union_all(near), parcel).area
        doubly += sum(shapely.intersection(mine, parcel).area for mine in near) > expected + 1
        [found] = [entry for entry in body["constraints"] if entry["code"] == "MINERIGHT"]
        assert found["coverage"]["covered_m2"] == pytest.approx(expected, abs=0.01), body["parcel"]["id"]
    assert doubly >= 10


@pytest.fixture(scope="module")
def counties(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Ran]]:
    """Shapefiles in GBK with Chinese names; a layer of their own, for which one TOML is enough."""
    folder = tmp_path_factory.mktemp("counties")
    own = folder / "layers"
    own.mkdir()
    for file in bundled()[0].glob("*.toml"):
        (own / file.name).write_bytes(file.read_bytes())
    for file in bundled()[0].glob("codes/*"):
        (own / "codes").mkdir(exist_ok=True)
        (own / "codes" / file.name).write_bytes(file.read_bytes())
    (own / "counties.toml").write_text(COUNTIES, encoding="utf-8")
    source = shared / "changzhi_admin/shp_gbk_cgcs2000"
    for name, stem in (("with.zip", "长治区县_CGCS2000_3度带38"), ("without.zip", "changzhi_cm114_nocpg")):
        with zipfile.ZipFile(folder / name, "w") as archive:
            for file in sorted(source.glob(f"{stem}.*")):
                archive.write(file, file.name)
    dated = ["--edition-date", "2026-11-18"]
    return folder, run_each(
        ["init", "with", "--layers", own],
        ["import", "counties", "with.zip", *dated, "--workspace", "with"],
        ["init", "without", "--layers", own],
        ["import", "counties", "without.zip", *dated, "--encoding", "GBK", "--workspace", "without"],
        ["import", "counties", "without.zip", *dated, "--dry-run", "--workspace", "without"],
        cwd=folder,
    )


@pytest.mark.parametrize("workspace", ["with", "without"])
def test_names_in_gbk_are_right(counties: tuple[Path, list[Ran]], workspace: str) -> None:
    folder, ran = counties
    assert ran[1 if workspace == "with" else 3].code == 0, ran
    features = Workspace.open(folder / workspace).layer_set().features("counties")
    assert features is not None
    assert dict(zip(features.ids, features.attributes["name"], strict=True)) == {
        "140403": "潞州区",
        "140404": "上党区",
        "140405": "屯留区",
        "140406": "潞城区",
        "140423": "襄垣县",
        "140425": "平顺县",
        "140426": "黎城县",
        "140427": "壶关县",
        "140428": "长子县",
        "140429": "武乡县",
        "140430": "沁县",
        "140431": "沁源县",
    }


def test_without_cpg_the_encoding_is_found_or_asked_for(counties: tuple[Path, list[Ran]]) -> None:
    _, ran = counties
    guessed = ran[4]
    assert guessed.code == 0 or "请指定编码" in guessed.err
    assert "ÏØ" not in guessed.text + guessed.err


def test_every_surveyors_file_has_the_area_of_its_head_line(shared: Path, tmp_path: Path) -> None:
    files = sorted((shared / "cn_boundary_txt_samples").glob("*.txt"))
    assert len(files) == 7
    for file, ran in zip(files, run_each(*(["check", file, "--json"] for file in files), cwd=tmp_path), strict=True):
        raw = file.read_bytes()
        try:
            lines = raw.decode("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            lines = raw.decode("gb18030").splitlines()
        heads = [line.split(",") for line in lines if line.rstrip().endswith("@")]
        found = ran.json
        assert found["rejected"] == [], (file.name, found["rejected"])
        assert len(found["records"]) == len(heads), file.name
        for head, body in zip(heads, found["records"], strict=True):
            assert body["parcel"]["crs"] == CRS
            if head[1]:
                stated = float(head[1].removesuffix("公顷"))
                assert body["parcel"]["area_m2"] / 10_000 == pytest.approx(stated, abs=1e-4), file.name
