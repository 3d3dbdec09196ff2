"""Other clients as they are installed on an officer's desk: QGIS, OWSLib, GDAL's Python side."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import shapely

from geo_service.projection import lon_lat
from tests import world

QGIS = """
import json, sys
from qgis.PyQt.QtCore import QSize
from qgis.core import QgsApplication, QgsCoordinateReferenceSystem, QgsCoordinateTransform, QgsFeatureRequest
from qgis.core import QgsMapRendererSequentialJob, QgsMapSettings, QgsProject, QgsRectangle, QgsVectorLayer
from qgis.core import QgsVectorTileBasicRenderer, QgsVectorTileLayer
application = QgsApplication([], False)
application.initQgis()
base, box = sys.argv[1], [float(number) for number in sys.argv[2].split(",")]
said = {}
for size in ("7", "1000"):
    layer = QgsVectorLayer(f"url='{base}' typename='verdicts' pagingEnabled='true' pageSize='{size}'", "v", "OAPIF")
    said["valid"] = layer.isValid()
    said["ids" + size] = sorted(one["parcel_id"] for one in layer.getFeatures())
request = QgsFeatureRequest().setFilterRect(QgsRectangle(*box))
said["box"] = sorted(one["parcel_id"] for one in layer.getFeatures(request))
request = QgsFeatureRequest().setFilterExpression("\\"verdict\\" = 'ready'")
said["ready"] = sorted(one["parcel_id"] for one in layer.getFeatures(request))
said["fields"] = [field.name() for field in layer.fields()]
said["areas"] = {one["parcel_id"]: one.geometry().area() for one in layer.getFeatures()}
template = base + "/collections/verdicts/tiles/WebMercatorQuad/{z}/{y}/{x}"
tiles = QgsVectorTileLayer(f"type=xyz&url={template}&zmin=8&zmax=16", "t")
said["tiles"] = tiles.isValid()
tiles.setRenderer(QgsVectorTileBasicRenderer())
tiles.renderer().setStyles(QgsVectorTileBasicRenderer.simpleStyleWithRandomColors())
lon_lat, web = QgsCoordinateReferenceSystem("EPSG:4326"), QgsCoordinateReferenceSystem("EPSG:3857")
settings = QgsMapSettings()
settings.setDestinationCrs(web)
settings.setLayers([tiles])
settings.setOutputSize(QSize(256, 256))
change = QgsCoordinateTransform(lon_lat, web, QgsProject.instance())
settings.setExtent(change.transformBoundingBox(QgsRectangle(*box)))
job = QgsMapRendererSequentialJob(settings)
job.start()
job.waitForFinished()
image = job.renderedImage()
said["painted"] = sum(image.pixelColor(x, y).name() != "#ffffff" for x in range(256) for y in range(256))
print("SAID" + json.dumps(said))
application.exitQgis()
"""


def answers(served, path: str = "/collections/verdicts/items?limit=1000") -> dict[str, dict]:
    return {entry["id"]: entry for entry in served.get(path).json()["features"]}


@pytest.mark.qgis
@pytest.mark.slow
def test_qgis_reads_pages_boxes_filters_and_tiles(served, tmp_path: Path):
    known = answers(served)
    box = lon_lat(world.box(110, 110, 290, 290), world.CRS)
    script = tmp_path / "ask.py"
    script.write_text(QGIS, encoding="utf-8")
    west, south, east, north = box.bounds
    home = str(tmp_path)
    done = subprocess.run(
        ["/usr/bin/python3", str(script), served.base, f"{west},{south},{east},{north}"],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
        env={"QT_QPA_PLATFORM": "offscreen", "HOME": home, "XDG_RUNTIME_DIR": home, "PATH": "/usr/bin:/bin"},
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("SAID")]
    assert lines, done.stderr[-2000:]
    said = json.loads(lines[0].removeprefix("SAID"))
    assert said["valid"] and said["tiles"]
    assert said["ids7"] == said["ids1000"] == sorted(known)
    within = [name for name, one in known.items() if shapely.intersects(shapely.geometry.shape(one["geometry"]), box)]
    assert said["box"] == sorted(within)
    assert said["ready"] == sorted(name for name, one in known.items() if one["properties"]["verdict"] == "ready")
    assert {"parcel_id", "verdict", "area_m2", "valid_until"} <= set(said["fields"])
    for name, one in known.items():
        assert said["areas"][name] == pytest.approx(shapely.geometry.shape(one["geometry"]).area, rel=1e-6)
    assert said["painted"] > 1000
    assert any("/tiles/WebMercatorQuad/" in asked for asked in served.asked)


def test_owslib_finds_what_conforms_what_can_be_asked_and_filters(served):
    from owslib.ogcapi.features import Features

    client = Features(served.base)
    assert "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter" in client.conformance()["conformsTo"]
    assert {"zones", "parcels", "verdicts"} <= set(client.feature_collections())
    queryables = client.collection_queryables("verdicts")["properties"]
    assert {"verdict", "area_mu", "geometry"} <= queryables.keys()
    known = answers(served)
    named = next(one["properties"]["name"] for one in known.values() if one["properties"]["name"])
    assert any("\u4e00" <= letter <= "\u9fff" for letter in named), "a Chinese name"
    found = client.collection_items("verdicts", filter=f"name = '{named}'", limit=1000)
    assert [one["id"] for one in found["features"]] == [
        name for name, one in known.items() if one["properties"]["name"] == named
    ]
    assert client.collection_item("verdicts", "P")["id"] == "P"


@pytest.mark.gdal_tools
def test_a_spreadsheet_of_all_parcels_has_as_many_lines(served):
    command = ["ogr2ogr", "-f", "CSV", "/vsistdout/", f"OAPIF:{served.base}", "parcels", "-oo", "PAGE_SIZE=500"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600).stdout
    assert len(said.splitlines()) == served.get("/collections/parcels/items").json()["numberMatched"] + 1


def test_the_wheels_gdal_takes_coordinates_in_the_zones_geographic_crs(served):
    """It asks for the CRS the features are kept in, and turns the axes round itself."""
    script = (
        "import geopandas, json, sys\n"
        "read = geopandas.read_file('OAPIF:' + sys.argv[1], layer='parcels')\n"
        "west, south, east, north = read.total_bounds\n"
        "print(json.dumps([read.crs.to_epsg(), len(read), west, south, east, north]))\n"
    )
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "no_proxy": "127.0.0.1"}
    command = [sys.executable, "-c", script, served.base]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stderr[-1500:]
    epsg, count, west, south, east, north = json.loads(done.stdout.splitlines()[-1])
    known = answers(served, "/collections/parcels/items?limit=1000").values()
    served_shapes = [shapely.geometry.shape(one["geometry"]) for one in known]
    assert (epsg, count) == (4490, len(served_shapes))
    assert [west, south, east, north] == pytest.approx(list(shapely.total_bounds(served_shapes)), abs=1e-7)
