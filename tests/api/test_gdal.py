"""Real GIS clients: the commands a planner's QGIS or script would run."""

from __future__ import annotations

import csv
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from urllib.parse import unquote_plus

import pytest
import shapely

from geo_service.api.app import create_app
from geo_service.projection import lon_lat
from geo_service.service import Service
from geo_service.store.workspace import Workspace
from tests import world
from tests.api.serving import AS_OF, OPEN, Served, report_of, running

pytestmark = pytest.mark.gdal_tools


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    assert "ERROR" not in done.stderr, done.stderr
    return done.stdout


def rows(*command: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(run("ogr2ogr", "-f", "CSV", "/vsistdout/", *command))))


def places(served) -> dict[str, shapely.Geometry]:
    """Where the parcels lie, as the service says itself."""
    features = served.get("/collections/parcels/items?limit=1000").json()["features"]
    return {entry["id"]: shapely.geometry.shape(entry["geometry"]) for entry in features}


def extent(said: str) -> list[float]:
    """West, south, east and north in what ogrinfo says."""
    numbers = re.search(r"Extent: \((\S+), (\S+)\) - \((\S+), (\S+)\)", said)
    return [float(number) for number in numbers.groups()]


def test_ogrinfo_tells_count_extent_and_fields(served):
    said = run("ogrinfo", "-so", f"OAPIF:{served.base}", "parcels")
    assert "Feature Count: 30" in said
    assert "Geometry: Polygon" in said
    assert extent(said) == pytest.approx(shapely.total_bounds(list(places(served).values())), abs=1e-6)
    assert "land_use: String" in said and "holder" not in said
    layers = run("ogrinfo", f"OAPIF:{served.base}")
    assert "zones" in layers and "verdicts" in layers and "ore " not in layers


@pytest.mark.parametrize("size", [7, 10, 500])
def test_ogr2ogr_pages_to_the_end(served, service, size):
    found = rows(f"OAPIF:{served.base}", "verdicts", "-oo", f"PAGE_SIZE={size}")
    assert [row["parcel_id"] for row in found] == sorted(service.parcels)


def test_ogr2ogr_asks_for_a_box(served):
    west, south, east, north = (str(value) for value in lon_lat(world.box(110, 110, 290, 290), world.CRS).bounds)
    found = rows(f"OAPIF:{served.base}", "parcels", "-spat", west, south, east, north)
    assert [row["id"] for row in found] == ["P"]


@pytest.mark.parametrize(("name", "text"), [("verdict", "ready"), ("name", "示例地块")])
def test_a_filter_is_pushed_to_the_server(served, name, text):
    served.asked.clear()
    said = run("ogrinfo", "-q", f"OAPIF:{served.base}", "verdicts", "-where", f"{name}='{text}'")
    assert "parcel_id (String) = P\n" in said and said.count("OGRFeature(") == 1
    assert any(f"{name}={text}" in unquote_plus(asked) for asked in served.asked)


def test_a_copy_lies_where_the_parcels_lie(served, tmp_path):
    target = tmp_path / "out.gpkg"
    run("ogr2ogr", "-f", "GPKG", str(target), f"OAPIF:{served.base}", "parcels")
    said = run("ogrinfo", "-so", str(target), "parcels")
    known = places(served)
    assert "Feature Count: 30" in said
    assert extent(said) == pytest.approx(shapely.total_bounds(list(known.values())), abs=1e-6)
    copied = {
        row["id"]: shapely.from_wkt(row["WKT"]) for row in rows(str(target), "parcels", "-lco", "GEOMETRY=AS_WKT")
    }
    assert copied.keys() == known.keys()
    for id_, shape in known.items():
        assert shapely.hausdorff_distance(copied[id_], shape) < 1e-8


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Iterator[Served]:
    """More parcels than the longest page holds twice."""
    workspace = Workspace.create(tmp_path_factory.mktemp("many") / "ws", as_of=AS_OF)
    squares = [
        {
            "id": f"M-{number:04}",
            "geometry": world.box(x := 30 * (number % 50), y := 30 * (number // 50), x + 20, y + 20),
        }
        for number in range(2_345)
    ]
    data = replace(world.features("parcels", squares).data, spec=workspace.catalogue.layers["parcels"])
    workspace.publish(data, report_of(data))
    service = Service(workspace, lambda: AS_OF)
    with running(create_app(service, policy=OPEN), service) as found:
        yield found


@pytest.mark.parametrize("options", [(), ("-oo", "PAGE_SIZE=1000"), ("-oo", "PAGE_SIZE=10000")])
def test_more_parcels_than_a_page_holds_are_read_to_the_last(many, options):
    many.asked.clear()
    found = rows(f"OAPIF:{many.base}", "parcels", *options)
    assert [row["id"] for row in found] == [f"M-{number:04}" for number in range(2_345)]
    assert sum("after=" in asked for asked in many.asked) >= 2, "page by page"
    assert "Feature Count: 2345" in run("ogrinfo", "-so", f"OAPIF:{many.base}", "parcels")
