"""Clients that send too much, too slowly, too often or go away: they are answered or dropped, and others are served."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime

import httpx
import pytest
import shapely

from geo_service.api.app import create_app
from geo_service.api.connection import Connection
from geo_service.api.guard import UPLOAD_BYTES, Guard
from geo_service.api.pace import Pace
from geo_service.api.routes import check
from geo_service.importing.desk import FOLDER, LOCK
from geo_service.ingest.gate import MAX_PARTS
from geo_service.projection import lon_lat
from geo_service.store.lock import exclusive
from tests import world
from tests.api.serving import OPEN, running
from tests.processes import peak_growth

BODY = shapely.to_geojson(lon_lat(world.box(*world.PARCEL), world.CRS)).encode()
GEOJSON = {"Content-Type": "application/geo+json"}
#: Limits of seconds in place of tens of seconds; what is decided is the same.
SHORT_S = 3.0


class Impatient(Connection):
    head_s = SHORT_S


@pytest.fixture(scope="module")
def app(service):
    return create_app(service, policy=OPEN, upload_bytes=1_000_000)


@pytest.fixture(scope="module")
def served(app, service):
    with running(app, service) as found:
        yield found


@pytest.fixture(scope="module")
def impatient(service):
    app = create_app(service, policy=OPEN)
    with running(Guard(app, grace_s=SHORT_S, body_s=2 * SHORT_S), service, http=Impatient) as found:
        yield found


def opened(served) -> socket.socket:
    host, port = served.base.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=300)


def reply(sent: socket.socket) -> bytes:
    """Everything until the other side ends the connection."""
    said = b""
    while part := sent.recv(65536):
        said += part
    return said


def test_who_opens_a_connection_and_says_nothing_loses_it_and_others_are_served(impatient):
    silent = [opened(impatient) for _ in range(40)]
    dripping = [opened(impatient) for _ in range(40)]
    stop = threading.Event()

    def drip() -> None:
        while not stop.is_set():
            for one in dripping:
                try:
                    one.send(b"G")
                except OSError:
                    continue
            stop.wait(0.2)

    dripper = threading.Thread(target=drip)
    dripper.start()
    try:
        for _ in range(10):
            assert impatient.get("/parcels/P/assessment").status_code == 200
        for one in silent:
            assert reply(one) == b""
        for one in dripping:
            try:
                assert b" 200 " not in reply(one)
            except ConnectionResetError:
                continue
    finally:
        stop.set()
        dripper.join()
        for one in (*silent, *dripping):
            one.close()
    assert impatient.get("/healthz").status_code == 200


def test_a_connection_that_was_answered_must_not_begin_another_request_slowly_either(impatient):
    with opened(impatient) as one:
        one.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in one.recv(65536)
        one.sendall(b"GET /heal")
        try:
            assert b"200 OK" not in reply(one)
        except ConnectionResetError:
            pass


def test_a_body_that_comes_too_slowly_is_given_up(impatient):
    with opened(impatient) as one:
        one.sendall(
            b"POST /check HTTP/1.1\r\nHost: x\r\nContent-Type: application/geo+json\r\nContent-Length: 900\r\n\r\n{"
        )
        said = reply(one)
    assert said.startswith(b"HTTP/1.1 408") and b'"code": "too-slow"' in said


@pytest.mark.parametrize(
    ("media", "begin"),
    [
        ("application/geo+json", "{"),
        ("multipart/form-data; boundary=x", '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'),
    ],
    ids=["json", "form"],
)
def test_a_body_that_never_stops_coming_byte_by_byte_is_given_up(impatient, media, begin):
    stop = threading.Event()
    with opened(impatient) as one:
        head = f"POST /check HTTP/1.1\r\nHost: x\r\nContent-Type: {media}\r\nContent-Length: 900000\r\n\r\n"
        one.sendall(head.encode() + begin.encode())

        def drip() -> None:
            # For as long as the other side listens.
            with suppress(OSError):
                while not stop.wait(0.2):
                    one.sendall(b" ")

        dripper = threading.Thread(target=drip)
        dripper.start()
        try:
            said = one.recv(65536)
        finally:
            stop.set()
            dripper.join()
    assert said.startswith(b"HTTP/1.1 408") and b'"code": "too-slow"' in said


def chunks(size: int, kind: bytes = b" ") -> Iterator[bytes]:
    for _ in range(size // 50_000):
        yield kind * 50_000


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not(served, declared):
    content = b" " * 10_500_000 if declared else chunks(10_500_000)
    answer = served.client.post("/check", content=content, headers=GEOJSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


def uploaded(size: int, path: str, served) -> int:
    """Send a file of which nobody says how large it is; return how much of it was taken before it was refused."""
    taken = 0

    def body() -> Iterator[bytes]:
        nonlocal taken
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for part in chunks(size):
            taken += len(part)
            yield part

    try:
        answer = served.client.post(path, content=body(), headers={"Content-Type": "multipart/form-data; boundary=x"})
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    except httpx.WriteError:
        # The server has hung up on what it would not read.
        pass
    return taken


UPLOADS = ("/check", "/layers/parcels/editions")


def test_an_upload_that_is_too_large_is_refused_while_it_comes(served):
    for path in UPLOADS:
        assert uploaded(20_000_000, path, served) < 20_000_000


@pytest.mark.parametrize("path", [UPLOADS[0], pytest.param(UPLOADS[1], marks=pytest.mark.slow)])
def test_an_upload_of_hundreds_of_megabytes_is_refused_at_the_limit_and_takes_no_memory(service, path):
    app = create_app(service, policy=OPEN)
    read = 0

    async def counted(scope, receive, send):
        async def receiving():
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            return message

        await app(scope, receiving, send)

    with running(counted, service) as served, peak_growth(os.getpid()) as grown:
        assert uploaded(300_000_000, path, served) < 300_000_000
        assert UPLOAD_BYTES <= read < UPLOAD_BYTES + 1_000_000
        assert grown() < 50_000_000


@pytest.mark.parametrize(("count", "status"), [(100, 200), (MAX_PARTS + 1, 422)])
def test_a_boundary_of_too_many_parts_is_refused_before_any_geometry_is_done(served, count, status):
    corners = [(113.05 + 2e-5 * (part % 100), 36.24 + 2e-5 * (part // 100)) for part in range(count)]
    parts = shapely.multipolygons([shapely.box(x, y, x + 1e-5, y + 1e-5) for x, y in corners])
    answer = served.client.post("/check", content=shapely.to_geojson(parts), headers=GEOJSON)
    assert answer.status_code == status, answer.text[:300]
    if status == 422:
        assert answer.json()["code"] == "geometry_too_complex"
        assert answer.json()["value"] == f"{count} > {MAX_PARTS} parts"


def test_of_many_checks_at_once_some_are_done_and_the_others_are_told_to_come_back(service, monkeypatch):
    monkeypatch.setattr(check, "CHECKS", 1)
    monkeypatch.setattr(check, "WAITING", 2)
    with running(create_app(service, policy=OPEN), service) as served, ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(
                lambda number: httpx.post(
                    f"{served.base}/check", content=world.another(number), headers=GEOJSON, timeout=600, trust_env=False
                ),
                range(48),
            )
        )
        codes = [answer.status_code for answer in answers]
        assert set(codes) == {200, 503}
        for answer in answers:
            if answer.status_code == 503:
                assert answer.json()["code"] == "busy" and int(answer.headers["retry-after"]) > 0
        assert served.client.post("/check", content=BODY, headers=GEOJSON).status_code == 200


def test_who_asks_too_fast_is_told_when_to_ask_again_and_may_still_read(service):
    with running(create_app(service, policy=OPEN, pace=Pace(per_second=0.01, burst=3)), service) as served:
        sent = [served.client.post("/check", content=BODY, headers=GEOJSON) for _ in range(5)]
        assert [answer.status_code for answer in sent] == [200, 200, 200, 429, 429]
        assert sent[3].json()["code"] == "too-many-requests"
        assert 0 < int(sent[3].headers["retry-after"]) <= 100
        brought = served.client.post("/layers/parcels/editions", files={"file": ("a.geojson", BODY)})
        assert brought.status_code == 429
        assert served.get("/parcels/P/assessment").status_code == 200


@pytest.mark.slow
def test_each_of_five_hundred_checks_at_once_is_answered_or_told_when_to_come_back(service, monkeypatch):
    monkeypatch.setattr(check, "CHECKS", 1)
    monkeypatch.setattr(check, "WAITING", 2)
    app = create_app(service, policy=OPEN, pace=Pace(per_second=0.01, burst=250))
    limits = httpx.Limits(max_connections=100)
    with (
        running(app, service) as served,
        httpx.Client(base_url=served.base, trust_env=False, timeout=600, limits=limits) as client,
        ThreadPoolExecutor(100) as pool,
    ):

        def asked(number: int) -> httpx.Response:
            return client.post("/check", content=world.another(number), headers=GEOJSON)

        answers = list(pool.map(asked, range(500)))
    codes = [answer.status_code for answer in answers]
    assert set(codes) == {200, 429, 503} and codes.count(429) == 250
    for answer in answers:
        if answer.status_code == 200:
            assert answer.json()["verdict"]["status"]
        else:
            assert answer.json()["code"] in {"busy", "too-many-requests"} and int(answer.headers["retry-after"]) > 0


def test_a_pace_lets_through_as_many_as_it_says():
    now = [0.0]
    pace = Pace(per_second=4.0, burst=8, clock=lambda: now[0])
    passed = 0
    for _ in range(1000):
        now[0] += 0.01
        passed += pace.wait_s("a") == 0.0
    assert passed == 8 + 4 * 10 or passed == 8 + 4 * 10 - 1
    assert pace.wait_s("b") == 0.0


def test_a_listener_that_goes_away_is_not_told_any_longer(served, app, workspace):
    folder = workspace.directory / FOLDER
    folder.mkdir(exist_ok=True)
    with exclusive(folder / f"elsewhere{LOCK}", 0):
        job = workspace.register.jobs.add(
            "waiting",
            "parcels",
            "a",
            "0",
            key=None,
            caller="x",
            owner="elsewhere",
            at=datetime.now(UTC),
            most=9,
            most_own=9,
        )
        for _ in range(5):
            with served.client.stream("GET", f"/jobs/{job.id}/events") as told:
                first = next(line for line in told.iter_lines() if line.startswith("data: "))
                assert json.loads(first.removeprefix("data: "))["state"] == "queued"
        end = time.monotonic() + 600
        while app.state.listeners:
            assert time.monotonic() < end
            time.sleep(0.05)
    gone = served.get(f"/jobs/{job.id}").json()
    assert gone["state"] == "interrupted", "whoever had taken it is gone"
