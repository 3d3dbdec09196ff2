"""The short ways to an answer lead where the long ones do: without a query, packed or not, in one piece or several."""

from __future__ import annotations

import asyncio
import gzip
import socket

import pytest
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from geo_service.api.access import PUBLIC, Access, Guarded, Policy
from geo_service.api.connection import TOGETHER_BYTES, Together
from geo_service.api.parameters import DEFAULT_LIMIT, AsOfDay, Limit, OnlyKnown, ParcelId, Services
from geo_service.service import Service
from tests.api.serving import AS_OF, running


@pytest.fixture(scope="module")
def asked(workspace):
    router = APIRouter(route_class=Guarded, dependencies=[PUBLIC, OnlyKnown])

    @router.get("/things/{parcel_id:path}/said")
    async def said(
        request: Request, service: Services, parcel_id: ParcelId, as_of: AsOfDay = None, limit: Limit = DEFAULT_LIMIT
    ) -> Response:
        return Response(repr((request.url.path, service.rulebook.edition, parcel_id, as_of, limit)))

    @router.get("/things/{parcel_id:path}/needed")
    async def needed(parcel_id: ParcelId, limit: Limit) -> Response:
        return Response(repr((parcel_id, limit)))

    app = FastAPI()
    app.state.service = Service(workspace, lambda: AS_OF)
    app.state.access = Access(workspace.keys, Policy())
    app.router.routes.extend(router.routes)
    with running(app, app.state.service) as found:
        yield found


@pytest.mark.parametrize("name", ["P", "a%2Fb", "%E5%9C%B0%E5%9D%97%201", "x%252F", "%22;"])
def test_without_a_query_a_route_is_given_what_the_framework_would_give_it(asked, name):
    short, long = asked.get(f"/things/{name}/said"), asked.get(f"/things/{name}/said?limit={DEFAULT_LIMIT}")
    assert short.status_code == long.status_code == 200
    assert short.text == long.text


def test_what_must_be_said_is_still_asked_for(asked):
    assert asked.get("/things/P/needed").status_code == 422
    assert asked.get("/things/P/needed?limit=3").text == "('P', 3)"


def test_packed_and_unpacked_are_one_answer_for_a_cache(served):
    for path in ("/parcels/P/assessment", "/rulebook", "/healthz"):
        packed = served.get(path, headers={"Accept-Encoding": "gzip"})
        plain = served.get(path, headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert packed.content == plain.content
        assert "Accept-Encoding" in plain.headers["vary"]
        if packed.headers.get("content-encoding") == "gzip":
            assert "Accept-Encoding" in packed.headers["vary"]
    with served.client.stream("GET", "/parcels/P/assessment", headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join(answer.iter_raw())
    assert gzip.decompress(raw) == served.get("/parcels/P/assessment").content


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip, deflate, br", True),
        ("GZIP", True),
        ("br;q=1.0, gzip;q=0.5, *;q=0", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("identity", False),
        ("*;q=0", False),
        ("not-gzip", False),
        ("", False),
    ],
)
def test_only_who_takes_gzip_gets_it(served, accepted, packed):
    for path in ("/rulebook", "/collections/zones/tiles/WebMercatorQuad/0/0/0", "/static/page/page.css"):
        answer = served.get(path, headers={"Accept-Encoding": accepted})
        assert answer.status_code == 200
        assert ("content-encoding" in answer.headers) is packed, path


def test_files_of_the_pages_are_packed_and_sent_whole(served):
    path, gzip_only = "/static/page/page.css", {"Accept-Encoding": "gzip"}
    whole = served.get(path, headers=gzip_only)
    assert whole.headers["etag"].startswith('W/"')
    part = served.get(path, headers={**gzip_only, "Range": "bytes=5-", "If-Range": whole.headers["etag"]})
    assert (part.status_code, part.content) == (200, whole.content)
    held = served.get(path, headers={**gzip_only, "If-None-Match": whole.headers["etag"]})
    assert (held.status_code, held.headers["etag"]) == (304, whole.headers["etag"])


class Counted:
    """A transport of the loop that notes what it is given at once."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.written: list[int] = []

    def write(self, data: bytes) -> None:
        self.written.append(len(data))
        self.transport.write(data)

    def __getattr__(self, name: str) -> object:
        return getattr(self.transport, name)


def sent(*turns: list[bytes], close: bool = False) -> tuple[list[int], bytes]:
    """Write parts, those of a list in one turn of the loop; returns what went out together, and what arrived."""
    ours, theirs = socket.socketpair()

    async def write() -> list[int]:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
        counted = Counted(transport)
        together = Together(counted, loop)
        for parts in turns:
            for part in parts:
                together.write(part)
            if not close:
                await asyncio.sleep(0)
        together.close()
        await asyncio.sleep(0.01)
        return counted.written

    with theirs:
        theirs.settimeout(10)
        counts = asyncio.run(write())
        came = b""
        while part := theirs.recv(1 << 20):
            came += part
    return counts, came


def test_head_and_body_go_out_together():
    assert sent([b"head", b"body", b""]) == ([8], b"headbody")
    assert sent([b"head"], [b"body"]) == ([4, 4], b"headbody")


def test_nothing_is_lost_by_closing():
    assert sent([b"head", b"body"], close=True) == ([8], b"headbody")


def test_a_long_answer_does_not_wait_in_memory():
    part = b"x" * (TOGETHER_BYTES // 2)
    counts, came = sent([part] * 5)
    assert counts == [TOGETHER_BYTES, TOGETHER_BYTES, TOGETHER_BYTES // 2]
    assert came == part * 5
