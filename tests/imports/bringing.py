"""Files to bring, and how to wait for what becomes of them."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import shapely

from geo_service.projection import lon_lat
from tests import world

LIMIT_S = 900.0


def parcels(count: int, *, first: int = 0, prefix: str = "B", **properties: Any) -> bytes:
    """GeoJSON of squares in the zone."""
    features = []
    for number in range(first, first + count):
        x, y = -1900 + 40 * (number % 100), -1700 + 40 * (number // 100)
        place = lon_lat(world.box(x, y, x + 30, y + 30), world.CRS)
        features.append(
            {
                "type": "Feature",
                "geometry": json.loads(shapely.to_geojson(place)),
                "properties": {"id": f"{prefix}-{number:05}", "zone": "Z", **properties},
            }
        )
    return collection(*features)


def collection(*features: dict[str, Any]) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": list(features)}, ensure_ascii=False).encode()


def bring(
    client: httpx.Client,
    layer: str,
    content: bytes,
    /,
    name: str = "宗地.geojson",
    key: str | None = None,
    **query: Any,
) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(f"/layers/{layer}/editions", files={"file": (name, content)}, params=query, headers=headers)


def ended(client: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    """Wait until the job of an answer has ended."""
    assert answer.status_code == 202, answer.text
    end = time.monotonic() + LIMIT_S
    while True:
        job = client.get(answer.headers["Location"]).json()
        if job["state"] not in ("queued", "running"):
            return job
        assert time.monotonic() < end, job
        time.sleep(0.1)


def brought(client: httpx.Client, layer: str, content: bytes, /, **more: Any) -> dict[str, Any]:
    return ended(client, bring(client, layer, content, **more))
