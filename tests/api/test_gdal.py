"""Real GIS clients: the commands a planner's QGIS or script would run."""

from __future__ import annotations

import csv
import subprocess
from io import StringIO

import pytest

from geo_service.projection import lon_lat
from tests import world

pytestmark = pytest.mark.gdal_tools


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "ERROR" not in done.stderr, done.stderr
    return done.stdout


def rows(*command: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(run("ogr2ogr", "-f", "CSV", "/vsistdout/", *command))))


def test_ogrinfo_tells_count_extent_and_fields(served):
    said = run("ogrinfo", "-so", f"OAPIF:{served.base}", "parcels")
    assert "Feature Count: 30" in said
    assert "Geometry: Polygon" in said
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


def test_a_filter_is_pushed_to_the_server(served):
    served.asked.clear()
    said = run("ogrinfo", "-q", f"OAPIF:{served.base}", "verdicts", "-where", "verdict='ready'")
    assert "parcel_id (String) = P" in said
    assert any("verdict=ready" in asked for asked in served.asked)


def test_a_copy_lies_where_the_parcels_lie(served, tmp_path):
    target = tmp_path / "out.gpkg"
    run("ogr2ogr", "-f", "GPKG", str(target), f"OAPIF:{served.base}", "parcels")
    assert "Feature Count: 30" in run("ogrinfo", "-so", str(target), "parcels")
