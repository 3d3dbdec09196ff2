"""What answers requests has no GDAL in it: a file that breaks GDAL breaks a process that can be spared."""

from __future__ import annotations

import json
import time
from pathlib import Path

import httpx
import pytest
import shapely

from geo_service.store.workspace import Workspace
from tests.access.asking import ROUTES
from tests.ingest.writing import write_vector

pytestmark = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the system does not tell what is loaded")
READING = [route for route in ROUTES if route.method == "GET" and "events" not in route.path]
OF_GDAL = ("gdal", "rasterio", "pyogrio", "fiona")


def loaded(pid: int) -> list[str]:
    """Files of GDAL, and of what is made upon it, that a process has in its memory."""
    files = {line.split(maxsplit=5)[5] for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if "/" in line}
    return sorted(file for file in files if any(name in file.lower() for name in OF_GDAL))


@pytest.mark.slow
def test_the_process_that_answers_never_loads_gdal(start, own_demo, tmp_path):
    command = start("--local-planner", directory=own_demo)
    layers = Workspace.open(own_demo).layer_set()
    assert any(layers.grid(name) is not None for name in layers.editions)
    parcels = layers.features("parcels")
    values = {"parcel_id": parcels.ids[0], "collection_id": "parcels", "feature_id": parcels.ids[0], "code": "flood"}
    with httpx.Client(base_url=command.base, trust_env=False, timeout=600, follow_redirects=True) as client:
        while client.get("/readyz").status_code != 200:
            time.sleep(0.1)
        answers = {str(route): client.get(route.at(**values)).status_code for route in READING}
        assert {status for status in answers.values() if status >= 500} == set()
        assert answers["GET /parcels/{parcel_id}/assessment"] == 200
        assert sum(status == 200 for status in answers.values()) > len(READING) / 2, answers
        square = json.loads(shapely.to_geojson(shapely.box(*parcels.geometries[0].bounds)))
        assert client.post("/check", params={"crs": parcels.crs}, json=square).status_code == 200
        file = write_vector(
            tmp_path / "a.gpkg", [parcels.geometries[0]], "GPKG", crs=parcels.crs, columns={"id": ["a"]}
        )
        posted = {"files": {"file": ("a.gpkg", file.read_bytes())}}
        assert client.post("/check", **posted).status_code == 200
        job = client.post("/layers/parcels/editions", **posted)
        assert job.status_code == 202
        while (told := client.get(f"/jobs/{job.json()['id']}").json())["state"] in {"queued", "running"}:
            time.sleep(0.1)
        assert told["state"] == "done", told
        assert client.get("/parcels/a/assessment").status_code == 200
    assert loaded(command.process.pid) == []
