"""Many callers at once get what each would have got alone, also while new data are published."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import quote

from geo_service.api.app import create_app
from geo_service.service import Service
from geo_service.store.workspace import Workspace
from tests import world
from tests.api.serving import AS_OF, OPEN, build, parcel_rows, report_of, running


def test_callers_at_once_get_the_same_bytes_as_one_alone(workspace):
    alone = Service(workspace, lambda: AS_OF)
    paths = [f"/parcels/{quote(name, safe='')}/assessment" for name in alone.parcels]
    paths += ["/parcels?verdict=ready", "/collections/verdicts/items?limit=5", "/parcels/P/tender-package"]
    with running(create_app(alone, policy=OPEN), alone) as served:
        expected = {path: served.get(path).content.replace(served.base.encode(), b"") for path in paths}
    together = Service(workspace, lambda: AS_OF)
    with running(create_app(together, policy=OPEN), together) as served, ThreadPoolExecutor(12) as pool:

        def ask(path: str) -> tuple[str, bytes]:
            return path, served.get(path).content.replace(served.base.encode(), b"")

        for path, content in pool.map(ask, paths * 4):
            assert content == expected[path]


def test_an_answer_never_mixes_editions_and_never_lags(tmp_path, catalogue_dir):
    workspace = build(tmp_path / "ws", catalogue_dir)
    service = Service(workspace, lambda: AS_OF)
    spec = workspace.catalogue.layers["parcels"]
    old = service.layers.editions["parcels"].name
    fewer = world.features("parcels", [row for row in parcel_rows() if row["id"] != "N"])
    data = replace(fewer.data, spec=spec)
    done = threading.Event()
    seen: list[tuple[int, bool]] = []

    with running(create_app(service, policy=OPEN), service) as served:

        def reading() -> None:
            while not done.is_set():
                body = served.get("/parcels?limit=1000&min_area_mu=0").json()
                seen.append((body["numberMatched"], any(entry["id"] == "N" for entry in body["features"])))

        readers = [threading.Thread(target=reading) for _ in range(4)]
        for reader in readers:
            reader.start()
        other = Workspace.open(workspace.directory)
        name = other.publish(data, report_of(data)).name
        answer = served.get("/parcels/P/assessment").json()
        done.set()
        for reader in readers:
            reader.join()
        assert name != old
        editions = {layer["id"]: layer["edition"] for layer in answer["provenance"]["layers"]}
        assert editions["parcels"] == name, "the first request after publishing sees the new edition"
        assert served.get("/parcels/N/assessment").status_code == 404
    assert set(seen) <= {(30, True), (29, False)}
