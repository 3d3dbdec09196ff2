"""What was published before is let go of once something newer is, whatever has been asked of it."""

from __future__ import annotations

import gc
import json
import weakref

import pytest
import shapely

from geo_service.projection import LON_LAT, lon_lat
from tests import world
from tests.api.serving import Served
from tests.imports.bringing import brought, collection
from tests.processes import wait_for

LAYER = "heritage"
ASKED = [
    "/parcels/P/assessment",
    "/parcels/P/map",
    "/parcels/P/sheet",
    "/parcels/P/tender-package?force=true",
    "/map",
    "/map/list",
    "/map-sheet?bbox=112.9,36.1,113.2,36.4",
    f"/collections/{LAYER}/items",
    f"/collections/{LAYER}/tiles/WebMercatorQuad/10/401/833",
    "/collections/parcels/export.geojson",
]


def edition(number: int, crs: str) -> bytes:
    rows = [("surveyed", world.box(*world.FAR)), ("control", world.box(400 + number, 400, 450 + number, 450))]
    return collection(
        *(
            {
                "type": "Feature",
                "geometry": json.loads(shapely.to_geojson(shape if crs == world.CRS else lon_lat(shape, world.CRS))),
                "properties": {"id": name, "class": name},
            }
            for name, shape in rows
        )
    )


@pytest.mark.slow
@pytest.mark.parametrize("crs", [world.CRS, LON_LAT])
def test_old_editions_are_let_go_of(served: Served, crs: str) -> None:
    held: list[weakref.ref[object]] = []
    for number in range(3):
        assert all(found() is not None for found in held[-1:])
        job = brought(served.client, LAYER, edition(number, crs), crs=crs)
        assert job["state"] == "done", job
        for path in ASKED:
            assert served.get(path).status_code in (200, 204), path
        body = json.loads(shapely.to_geojson(lon_lat(world.box(*world.PARCEL), world.CRS)))
        assert served.client.post("/check", json=body).status_code == 200
        held.append(weakref.ref(served.service.snapshot().layers.features(LAYER)))
    # An answer may still be on its way out.
    wait_for(lambda: gc.collect() >= 0 and all(found() is None for found in held[:-1]), 20)
    assert held[-1]() is not None
