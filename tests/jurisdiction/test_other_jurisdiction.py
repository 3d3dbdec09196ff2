"""A bureau with its own catalogue and rulebook, in another country, asked through the command line alone.

Places are metres from ``ORIGIN`` in the bureau's projected CRS, so that every area is known by construction. The land,
the studies and the documents are invented.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
import rasterio
import shapely
from pyproj import Transformer
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from geo_service.cli import main

BUREAU = Path(__file__).parent / "bureau"
CRS = "EPSG:2056"
ORIGIN = (2_665_000.0, 1_211_000.0)
AS_OF = "2026-06-01"
DATED = "2026-05-01"
PLOTS = {
    "P-1": (100, 100, 300, 400),
    "P-2": (900, 100, 1100, 300),
    "P-3": (1400, 100, 1600, 300),
    "P-4": (100, 1700, 300, 1900),
}


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


def run(*arguments: str | Path) -> Said:
    """Run a command as its entry point does."""
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    out.flush()
    return Said(int(ended.value.code or 0), out.buffer.getvalue().decode(), err.getvalue())


def box(*bounds: float) -> BaseGeometry:
    """A rectangle in metres from the origin."""
    return translate(shapely.box(*bounds), *ORIGIN)


def line(*points: tuple[float, float]) -> BaseGeometry:
    """A line in metres from the origin."""
    return translate(shapely.LineString(points), *ORIGIN)


def geojson(path: Path, rows: list[dict[str, Any]], crs: str | None) -> Path:
    """Write features; without a CRS they are longitude and latitude."""
    body: dict[str, Any] = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": None if row.get("geometry") is None else shapely.geometry.mapping(row["geometry"]),
                "properties": {key: value for key, value in row.items() if key != "geometry"},
            }
            for row in rows
        ],
    }
    if crs is not None:
        body["crs"] = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:{crs.replace(':', '::')}"}}
    path.write_text(json.dumps(body), encoding="utf-8")
    return path


def layers() -> dict[str, list[dict[str, Any]]]:
    """The bureau's data."""
    everywhere = box(-500, -500, 2500, 2500)
    return {
        "estates": [
            {
                "id": "E1",
                "name": "Invented business estate",
                "geometry": box(0, 0, 2000, 2000),
                "version_status": "genehmigt",
                "required_codes": "SITE,NOISE",
                "indicators": "jobs_per_hectare=40 FTE/ha",
            }
        ],
        "plots": [{"EGRID": name, "geometry": box(*bounds), "zone": "E1"} for name, bounds in PLOTS.items()],
        "studies": [
            {"id": "s1", "code": "Altlasten", "report_no": "S-1", "approved_on": "2024-01-01", "progress": "approved",
             "geometry": box(0, 0, 1000, 2000)},
            {"id": "n1", "code": "Lärm", "report_no": "N-1", "approved_on": "2024-01-01", "progress": "approved",
             "zone_version": "E1"},
        ],
        "groundwater": [
            {"id": "survey", "class": "surveyed", "geometry": everywhere},
            {"id": "g2", "class": "S2", "geometry": box(1500, 0, 2000, 2000)},
            {"id": "g3", "class": "S3", "geometry": box(0, 1800, 1000, 2000)},
        ],
        "building_zones": [
            {"id": "b1", "kind": "work", "geometry": box(0, 0, 1200, 2000)},
            {"id": "b2", "kind": "reserve", "geometry": box(1200, 0, 2000, 2000)},
        ],
        "drinking_water": [
            {"id": "survey", "class": "surveyed", "geometry": everywhere},
            *(
                {"id": f"w{x}", "state": "in_service", "geometry": line((x, 0), (x, 2000))}
                for x in (95, 1105, 1392)
            ),
        ],
    }  # fmt: skip


def terrain(path: Path) -> Path:
    """Flat ground all over the estate."""
    place = rasterio.Affine(20, 0, ORIGIN[0] - 20, 0, -20, ORIGIN[1] + 2020)
    options = {"driver": "GTiff", "width": 102, "height": 102, "count": 1, "dtype": "float32", "crs": CRS}
    with rasterio.open(path, "w", transform=place, nodata=-9999.0, **options) as file:
        file.write(np.full((1, 102, 102), 430.0, dtype="float32"))
    return path


def register(path: Path) -> None:
    """Fill in the bureau's own spreadsheet."""
    book = openpyxl.load_workbook(path)
    for number, plot in enumerate(PLOTS, start=3):
        for offset, (service, issuer) in enumerate((("自来水", "Waterworks"), ("场地平整", "Surveyor"))):
            words = [plot, service, "永久", "通至宗地红线", f"{issuer} {plot}", issuer, "2026-05-10"]
            for column, word in enumerate(words, start=1):
                book["证明材料"].cell(2 * number + offset - 3, column, word)
        # Half a job an are is fifty a hectare.
        for column, word in enumerate([plot, "每公顷就业", 0.5, "FTE/are", "C-1"], start=1):
            book["控制性指标"].cell(number, column, word)
    book.save(path)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bureau")


@pytest.fixture(scope="module")
def workspace(home: Path) -> Iterator[Path]:
    """A workspace made, filled and informed by commands."""
    made = home / "workspace"
    # Once as a person starts it, in a process of its own.
    started = subprocess.run(
        [sys.executable, "-c", "from geo_service.cli import main; main()", "init", str(made), "--as-of", AS_OF,
         "--layers", str(BUREAU / "layers"), "--assessments", str(BUREAU / "assessments")],
        env={**os.environ, "PYTHONPATH": str(BUREAU.parents[2])}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert started.returncode == 0, started.stderr
    empty = run("check", geojson(home / "plot.geojson", layers()["plots"], CRS), "--json", "--workspace", made)
    (home / "empty.json").write_text(empty.out, encoding="utf-8")
    for layer, rows in layers().items():
        said = run(
            "import", layer, geojson(home / f"{layer}.geojson", rows, CRS), "--edition-date", DATED, "--workspace", made
        )
        assert said.code == 0, said.err
        assert CRS in said.out
    said = run("import", "terrain", terrain(home / "terrain.tif"), "--edition-date", DATED, "--workspace", made)
    assert said.code == 0, said.err
    sheet = home / "register.xlsx"
    assert run("register", "template", sheet, "--workspace", made).code == 0
    register(sheet)
    said = run("register", "import", sheet, "--workspace", made)
    assert said.code == 0, said.err
    yield made


@pytest.fixture(scope="module")
def records(workspace: Path) -> dict[str, Any]:
    said = run("assess", "--workspace", workspace)
    assert said.code == 0, said.err
    return {body["parcel"]["id"]: body for body in map(json.loads, said.out.splitlines())}


def by_code(entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {entry["code"]: entry for entry in entries}


def test_only_the_bureaus_own_rules_are_in_the_record_in_its_own_order(records: dict[str, Any]) -> None:
    body = records["P-1"]
    assert [entry["code"] for entry in body["assessments"]] == ["SITE", "NOISE"]
    assert [entry["code"] for entry in body["constraints"]] == ["GEOM", "GROUNDWATER", "BUILDZONE"]
    assert [entry["code"] for entry in body["readiness"]["services"]] == ["DRINK"]
    assert body["readiness"]["level"]["code"] == "GRADE"
    assert body["readiness"]["standard"] == "connected"
    assert [entry["code"] for entry in body["indicators"]] == ["jobs_per_hectare"]
    assert {layer["id"] for layer in body["provenance"]["layers"]} == {
        "building_zones", "drinking_water", "estates", "groundwater", "plots", "studies", "terrain",
    }  # fmt: skip
    assert body["provenance"]["rulebook"]["edition"] == "test.1"
    assert (body["parcel"]["crs"], body["parcel"]["zone"], body["as_of"]) == (CRS, "E1", AS_OF)


@pytest.mark.parametrize(
    ("plot", "status"), [("P-1", "ready"), ("P-2", "conditional"), ("P-3", "not_ready"), ("P-4", "conditional")]
)
def test_the_verdict_follows_the_bureaus_own_decision_table(records: dict[str, Any], plot: str, status: str) -> None:
    assert records[plot]["verdict"]["status"] == status


@pytest.mark.parametrize(("plot", "area_m2"), [("P-1", 60_000), ("P-2", 40_000), ("P-3", 40_000), ("P-4", 40_000)])
def test_areas_are_those_of_the_projected_plane(records: dict[str, Any], plot: str, area_m2: float) -> None:
    assert records[plot]["parcel"]["area_m2"] == pytest.approx(area_m2, abs=1e-6)
    # A hundred ppm: the plane is true along the meridian and parallel of Bern only.
    assert records[plot]["parcel"]["ellipsoidal_area_m2"] == pytest.approx(area_m2, rel=1e-4)


def test_a_study_that_covers_half_the_plot_is_a_condition_here(records: dict[str, Any]) -> None:
    body = records["P-2"]
    site = by_code(body["assessments"])["SITE"]
    assert (site["outcome"], site["severity"], site["required"]) == ("partly_covered", "blocking", True)
    assert site["coverage"]["covered_m2"] == pytest.approx(20_000, abs=1e-6)
    assert site["coverage"]["uncovered_m2"] == pytest.approx(20_000, abs=1e-6)
    assert by_code(body["assessments"])["NOISE"]["outcome"] == "covered"
    (reason,) = body["verdict"]["reasons"]
    assert (reason["code"], reason["effect"], reason["stage"]) == ("SITE", "condition", "before_start")
    assert reason["message"]["en"].startswith("contaminated-site survey: 50.0 % covered")


def test_groundwater_zones_stop_or_condition_the_sale_by_class(records: dict[str, Any]) -> None:
    capture, outer = (by_code(records[plot]["constraints"])["GROUNDWATER"] for plot in ("P-3", "P-4"))
    assert (capture["outcome"], capture["severity"], capture["parts"][0]["class"]) == (
        "affected",
        "blocking",
        "capture",
    )
    assert (outer["outcome"], outer["severity"], outer["parts"][0]["class"]) == ("affected", "conditional", "outer")
    for found in (capture, outer):
        assert found["parts"][0]["area_m2"] == pytest.approx(20_000, abs=1e-6)
    assert by_code(records["P-1"]["constraints"])["GROUNDWATER"]["outcome"] == "clear"


def test_ground_in_the_reserve_zone_is_outside_the_building_zone(records: dict[str, Any]) -> None:
    found = by_code(records["P-3"]["constraints"])["BUILDZONE"]
    assert (found["outcome"], found["coverage"]["uncovered_m2"]) == ("affected", pytest.approx(40_000, abs=1e-6))
    assert by_code(records["P-2"]["constraints"])["BUILDZONE"]["outcome"] == "clear"


def test_service_levelling_and_indicator_read_the_bureaus_own_register(records: dict[str, Any]) -> None:
    ready = records["P-1"]["readiness"]
    (water,) = ready["services"]
    assert (water["outcome"], water["network"], water["limit_m"]) == ("met", "serves", 10.0)
    assert water["distance_m"] == pytest.approx(5.0)
    assert (ready["level"]["outcome"], ready["met"]) == ("met", True)
    (jobs,) = records["P-1"]["indicators"]
    assert (jobs["outcome"], jobs["value"], jobs["standard"], jobs["unit"]) == ("set", 50.0, 40.0, "FTE/ha")


def test_what_was_not_imported_is_no_data_and_never_a_pass(home: Path, workspace: Path) -> None:
    for body in json.loads((home / "empty.json").read_text(encoding="utf-8"))["records"]:
        assert body["verdict"]["status"] == "undetermined"
        for entry in (*body["assessments"], *body["constraints"][1:]):
            assert (entry["outcome"], entry["reason"]) == ("no_data", "layer_missing")


def densified_area_m2(corners: list[tuple[float, float]], source: str, parts: int = 20_000) -> float:
    """Area of a ring whose edges are straight in degrees, by dividing each into very many parts."""
    ring = np.array([*corners, corners[0]])
    steps = np.arange(parts)[:, None] / parts
    points = np.concatenate([one + (other - one) * steps for one, other in pairwise(ring)])
    east, north = Transformer.from_crs(source, CRS, always_xy=True).transform(points[:, 0], points[:, 1])
    return float(shapely.Polygon(np.column_stack([east, north])).area)


TRIANGLE = [(8.2905, 47.0475), (8.3105, 47.0475), (8.3005, 47.0535)]


@pytest.mark.parametrize("crs", [None, "EPSG:4326", "EPSG:4150"])
def test_degrees_are_measured_along_their_own_straight_edges(home: Path, workspace: Path, crs: str | None) -> None:
    file = geojson(
        home / f"degrees-{crs}.geojson".replace(":", ""), [{"id": "T", "geometry": shapely.Polygon(TRIANGLE)}], crs
    )
    said = run("check", file, "--json", "--workspace", workspace)
    (body,) = json.loads(said.out)["records"]
    source = crs or "OGC:CRS84"
    expected = densified_area_m2(TRIANGLE, source)
    assert body["parcel"]["crs"] == CRS
    assert body["parcel"]["area_m2"] == pytest.approx(expected, abs=0.01)
    # Corners alone would be wrong by square metres: the southern edge is a parallel of one and a half kilometres.
    assert abs(expected - densified_area_m2(TRIANGLE, source, parts=1)) > 10.0


def test_two_datums_are_not_said_to_be_one(home: Path, workspace: Path) -> None:
    rows = [{"id": "T", "geometry": shapely.Polygon(TRIANGLE)}]
    on_bessel = run("check", geojson(home / "bessel.geojson", rows, "EPSG:4150"), "--workspace", workspace)
    worldwide = run("check", geojson(home / "worldwide.geojson", rows, "EPSG:4326"), "--workspace", workspace)
    assert "taken as equal" not in on_bessel.err
    (note,) = [line for line in worldwide.err.splitlines() if "taken as equal" in line]
    assert "EPSG:4326" in note
    assert "EPSG:4150" not in note


def test_an_oblique_projection_has_no_central_meridian_to_print(workspace: Path, home: Path) -> None:
    said = run("check", home / "plots.geojson", "--workspace", workspace)
    assert CRS in said.out
    assert "meridian" not in said.out


def test_a_file_outside_the_country_is_refused(home: Path, workspace: Path) -> None:
    file = geojson(home / "abroad.geojson", [{"id": "A", "geometry": shapely.box(113.05, 36.2, 113.06, 36.21)}], None)
    for said in (
        run("import", "plots", file, "--edition-date", DATED, "--workspace", workspace),
        run("check", file, "--workspace", workspace),
    ):
        assert said.code == 2
        assert "outside_jurisdiction" in said.err
        assert "Traceback" not in said.err


def test_a_crs_of_another_country_is_refused_with_those_that_are_admitted(home: Path, workspace: Path) -> None:
    foreign = shapely.box(414_000, 4_013_000, 414_200, 4_013_200)
    file = geojson(home / "foreign.geojson", [{"id": "A", "geometry": foreign}], "EPSG:4547")
    for said in (
        run("import", "plots", file, "--edition-date", DATED, "--workspace", workspace),
        run("check", file, "--workspace", workspace),
    ):
        assert said.code == 2
        assert "crs_not_admitted" in said.err
        assert CRS in said.err


def test_the_map_names_the_bureaus_own_themes(home: Path, workspace: Path) -> None:
    page = home / "map.html"
    assert run("map", "--out", page, "--workspace", workspace).code == 0
    text = page.read_text(encoding="utf-8")
    for title in ("污染场地调查", "noise study", "地下水保护区", "自来水", "grading", "每公顷就业"):
        assert title in text
    for foreign in ("Geohazard", "Levelling", "永久基本农田", "Planning conditions"):
        assert foreign not in text
    # The estate is drawn as a zone although its layer is not called so.
    assert "14 4 2.5 4" in text


def test_a_package_is_made_and_verified_without_the_exchange_text_of_another_country(
    home: Path, workspace: Path
) -> None:
    file = home / "P-1.zip"
    said = run("export", "P-1", "--out", file, "--workspace", workspace)
    assert said.code == 0, said.err
    assert run("verify", file, "--workspace", workspace).code == 0
    with zipfile.ZipFile(file) as archive:
        assert "boundary_points.txt" not in archive.namelist()
        metres = json.loads(archive.read("parcel_cgcs2000.geojson"))
    assert metres["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::2056"
    assert shapely.geometry.shape(metres["features"][0]["geometry"]).equals(box(*PLOTS["P-1"]))


def test_a_rulebook_whose_layers_are_not_in_the_catalogue_makes_no_workspace(tmp_path: Path) -> None:
    said = run("init", tmp_path / "half", "--assessments", BUREAU / "assessments")
    assert said.code == 2
    assert "estates" in said.err
    assert not (tmp_path / "half").exists()
