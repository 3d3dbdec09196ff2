"""Whether the service is ready, part by part, and what it counts."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import threading
import time
from contextlib import closing

import httpx
import pytest

from geo_service.api.app import create_app
from geo_service.api.standing import PARTS
from geo_service.checking.process import EXAMINERS
from geo_service.service import Service
from geo_service.store.workspace import Workspace
from geo_service.tally import TALLY, WORKER_DIED, WORKER_KILLED
from geo_service.worker import Worker
from tests.api.serving import AS_OF, OPEN, Served, running
from tests.operations.test_serving import figure


@pytest.fixture(scope="module")
def own(workspace, tmp_path_factory) -> Workspace:
    """A copy in which things may be broken."""
    place = tmp_path_factory.mktemp("own") / "ws"
    shutil.copytree(workspace.directory, place)
    return Workspace.open(place)


@pytest.fixture(scope="module")
def served(own):
    service = Service(own, lambda: AS_OF)
    with running(create_app(service, policy=OPEN), service) as found:
        yield found


def missing(served: Served) -> list[str]:
    answer = served.get("/readyz")
    if answer.status_code == 200:
        return []
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
    assert all(item["reason"]["zh"] and item["reason"]["en"] for item in answer.json()["items"])
    assert str(served.service.workspace.directory) not in answer.text
    return [item["part"] for item in answer.json()["items"]]


def test_it_is_ready_when_everything_is_there(served):
    answer = served.get("/readyz")
    assert answer.status_code == 200 and answer.json()["status"] == "ready"
    assert answer.headers["cache-control"] == "no-store"


def test_a_writer_at_work_does_not_make_it_unready(served, own):
    with own.register._database.writing():
        assert missing(served) == []


def test_a_register_that_cannot_be_written_to(served, own):
    lock = own.directory / "register.sqlite.lock"
    lock.unlink()
    lock.mkdir()
    try:
        assert missing(served) == ["register"]
        page = served.get("/readyz", headers={"Accept": "text/html"})
        assert page.status_code == 503 and page.headers["content-type"].startswith("text/html")
        assert PARTS["register"].zh in page.text and PARTS["register"].en in page.text
    finally:
        lock.rmdir()
    assert missing(served) == []


def test_no_place_for_editions(served, own):
    folder = own.directory / "editions"
    folder.rename(own.directory / "away")
    try:
        assert missing(served) == ["editions"]
    finally:
        (own.directory / "away").rename(folder)


def test_no_process_for_checks(served, own):
    EXAMINERS.close()
    file = own.directory / "workspace.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text("broken", encoding="utf-8")
    try:
        assert missing(served) == ["workers"]
    finally:
        file.write_text(text, encoding="utf-8")
    assert missing(served) == []
    # One that was killed is replaced before it is said to be there.
    for pid in EXAMINERS.idle():
        os.kill(pid, signal.SIGKILL)
    assert missing(served) == []


def test_little_room_and_data_that_are_not_there_yet(own):
    service = Service(own, lambda: AS_OF)
    app = create_app(service, policy=OPEN, ready=lambda: False, disk_free_bytes=1 << 60)
    with running(app, service) as served:
        assert missing(served) == ["data", "disk"]
        app.state.stopping.set()
        assert missing(served) == ["stopping", "data", "disk"]


def test_boundaries_are_counted_by_what_was_concluded(served):
    def counted() -> dict[str, float]:
        text = httpx.get(f"{served.base}/metrics", headers=admin, trust_env=False).text
        return {
            name: figure(text, "geo_service_boundaries_checked_total", result=name)
            for name in ("undetermined", "not_ready", "rejected")
        }

    from datetime import UTC, datetime

    from geo_service.model.access import Role

    key, _ = served.service.workspace.keys.add(Role.ADMIN, None, "", 1, datetime.now(UTC))
    admin = {"X-API-Key": key}
    before = counted()
    square = [[113.0, 36.0], [113.001, 36.0], [113.001, 36.001], [113.0, 36.001], [113.0, 36.0]]
    far = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [square]}}
    answer = served.client.post("/check", json=far)
    assert answer.status_code == 200
    status = answer.json()["verdict"]["status"]
    after = counted()
    assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == {status: 1}
    assert served.get("/metrics").status_code == 403
    text = httpx.get(f"{served.base}/metrics", headers=admin, trust_env=False)
    assert text.headers["content-type"].startswith("text/plain")
    assert figure(text.text, "geo_service_check_seconds_total") > 0
    with closing(sqlite3.connect(served.service.workspace.directory / "register.sqlite")) as register:
        [[done]] = register.execute("SELECT count(*) FROM jobs WHERE state = 'done'")
    assert f'geo_service_imports{{state="done"}} {done}.0' in text.text


def test_processes_that_are_killed_and_that_die_are_told_apart():
    def counts() -> tuple[float, float]:
        found = TALLY.counts()
        return found.get((WORKER_KILLED, "checking.child"), 0.0), found.get((WORKER_DIED, "checking.child"), 0.0)

    killed, died = counts()
    worker = Worker(EXAMINERS.prepare())
    assert worker.ask(None, 0.05).overran
    worker.close()
    assert counts() == (killed + 1, died)
    worker = Worker(EXAMINERS.prepare())
    threading.Timer(0.2, os.kill, (worker.pid, signal.SIGKILL)).start()
    assert worker.ask(None, 60.0).answer is None
    time.sleep(0.05)
    worker.close()
    assert counts() == (killed + 1, died + 1)
