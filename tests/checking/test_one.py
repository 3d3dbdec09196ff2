"""A boundary that is sent alone is read where it is measured: the answer is the one it has in a collection."""

from __future__ import annotations

import json
import os
import pickle
import signal
from dataclasses import replace
from datetime import date

import pytest
import shapely

from geo_service.api.routes.check import Posted
from geo_service.checking import SINGLE_BYTES, Found, Unread, process
from geo_service.checking.job import OURS, THEIRS, Ground, Job
from geo_service.checking.process import Examiners
from geo_service.errors import Fault, InputError, WorkspaceError
from geo_service.model.parcel import AsOf
from geo_service.service import Service
from geo_service.store.workspace import Workspace
from geo_service.worker import Reply
from tests import world
from tests.api.serving import AS_OF, report_of
from tests.checking.combs import comb

SQUARE = json.loads(shapely.to_geojson(world.box(*world.PARCEL)))
BOW_TIE = json.loads(shapely.to_geojson(world.at(shapely.Polygon([(100, 100), (300, 300), (300, 100), (100, 300)]))))


def feature(geometry: dict | None, **properties: object) -> dict:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def in_a_collection(service: Service, body: bytes, crs: str | None, **asked) -> Found | Fault:
    boundaries = service.read_geojson(body, crs)
    found = [*boundaries.rejected, *service.checks(boundaries, AS_OF, **asked)]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("drawn", [True, False])
@pytest.mark.parametrize(
    ("body", "asked"),
    [
        (SQUARE, {}),
        (SQUARE, {"project_type": "食品"}),
        (feature(SQUARE, id="地块-1", name="一号", land_use="1001", registered_area_m2=20_000.0), {}),
        (feature(SQUARE, id="with a zone", zone="Z"), {"zone": "Z"}),
        (feature(SQUARE, name="FeatureCollection"), {}),
        (BOW_TIE, {}),
        (feature(None, id="nowhere"), {}),
        (feature({"type": "Point", "coordinates": SQUARE["coordinates"][0][0]}), {}),
        (feature(json.loads(shapely.to_geojson(comb(upright=True))), id="comb"), {}),
    ],
)
def test_alone_and_in_a_collection_the_answer_is_the_same(service, examiners, body, asked, drawn):
    content = json.dumps(body).encode()
    unread = Unread(content, world.CRS, asked.get("project_type"))
    alone = service.check_one(unread, AS_OF, asked.get("zone"), drawn=drawn)
    there = in_a_collection(service, content, world.CRS, drawn=drawn, **asked)
    assert alone == there


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 100_000,
        b'{"type": "Point", "type": "Point"}',
        b'{"type": "Nothing"}',
        b"\xff\xfe{\0}\0",
    ],
)
def test_a_body_that_cannot_be_read_is_refused_in_the_same_words(service, examiners, content):
    with pytest.raises(InputError) as alone:
        service.check_one(Unread(content), AS_OF)
    with pytest.raises(InputError) as there:
        service.read_geojson(content, None)
    assert alone.value.faults == there.value.faults


@pytest.mark.parametrize(
    ("body", "single"),
    [
        (json.dumps(SQUARE).encode(), True),
        (b"\xef\xbb\xbf" + json.dumps(feature(SQUARE, name="地块"), ensure_ascii=False).encode(), True),
        (json.dumps(feature(SQUARE, name="FeatureCollection")).encode(), False),
        (json.dumps({"type": "FeatureCollection", "features": [feature(SQUARE)]}).encode(), False),
        (rb'{"type": "\u0046eatureCollection", "features": []}', False),
        (b" " * SINGLE_BYTES + json.dumps(SQUARE).encode(), False),
    ],
)
def test_only_what_can_be_no_collection_is_taken_for_one_boundary(body, single):
    assert Posted(body).is_surely_single is single


def test_dates_and_zones_that_are_not_there(service, examiners):
    found = service.check_one(Unread(json.dumps(SQUARE).encode(), world.CRS), date(1900, 1, 1))
    assert isinstance(found, Fault) and (found.row, found.code) == (1, "no_rules_on_date")
    with pytest.raises(InputError) as caught:
        service.check_one(Unread(json.dumps(SQUARE).encode(), world.CRS), AS_OF, "Y")
    assert caught.value.faults[0].code == "zone_unknown"


def outcome(workspace: Workspace) -> tuple[str, str | None]:
    body = Unread(json.dumps(SQUARE).encode(), world.CRS)
    found = process.one(workspace.directory, workspace.rulebook.sha256, body, AsOf(None, AS_OF))
    entry = world.found(json.loads(found.record), "FARM")
    return entry["outcome"], entry["reason"]


def test_what_is_published_is_seen_by_the_next_check(tmp_path, examiners):
    workspace = Workspace.create(tmp_path / "ws", as_of=AS_OF)
    assert outcome(workspace) == ("no_data", "layer_missing")
    data = replace(world.ready_editions()["farmland"].data, spec=workspace.catalogue.layers["farmland"])
    workspace.publish(data, report_of(data))
    assert outcome(workspace) == ("clear", None)
    workspace.withdraw("farmland")
    assert outcome(workspace) == ("no_data", "layer_missing")
    assert len(examiners.idle()) == 1


def test_other_rules_or_another_folder_give_no_answer(service, tmp_path, examiners):
    body = Unread(json.dumps(SQUARE).encode(), world.CRS)
    for directory, sha256 in ((service.workspace.directory, "0" * 64), (tmp_path / "none", service.rulebook.sha256)):
        with pytest.raises(WorkspaceError):
            process.one(directory, sha256, body, AsOf(None, AS_OF))
    assert isinstance(service.check_one(body, AS_OF), Found)


def test_a_process_that_dies_while_it_opens_the_ground_is_replaced(service, monkeypatch):
    real, dead = process.Worker.ask, []

    def ask(examiner, payload, limit_s, longest_s=0.0):
        # It has said that it opens the ground, and does not come back.
        if not dead and payload is None and limit_s == process.OPEN_LIMIT_S:
            os.kill(examiner.pid, signal.SIGKILL)
            dead.append(examiner.pid)
            examiner.retire()
            return Reply(None, False, 0.0)
        return real(examiner, payload, limit_s)

    monkeypatch.setattr(process.Worker, "ask", ask)
    ground = Ground(service.workspace.directory.resolve(), service.rulebook.sha256)
    unread = Unread(json.dumps(SQUARE).encode(), world.CRS)
    # New ones, which nobody has told what will be asked for.
    own = Examiners()
    try:
        found = own.one(Job(ground, (), AsOf(None, AS_OF), None, unread=unread))
        assert isinstance(found, Found)
        assert len(dead) == 1 and dead[0] not in own.idle()
    finally:
        own.close()


@pytest.mark.parametrize(
    ("sent", "id_"),
    [
        (json.dumps({**feature(SQUARE), "id": "huge"}).encode(), "huge"),
        (b"\xef\xbb\xbf" + json.dumps({**feature(SQUARE, ID="地块-1"), "id": 7}).encode(), "地块-1"),
        (json.dumps({**feature(SQUARE, id=None), "id": 7}).encode(), "7"),
        (json.dumps({**feature(SQUARE), "id": "\ud800"}).encode(), None),
        (json.dumps({**feature(SQUARE), "id": "a/b"}).encode(), None),
        (json.dumps({**feature(SQUARE), "id": ["huge"]}).encode(), None),
        (json.dumps({**feature(SQUARE), "id": "huge"}).encode() + b" " * SINGLE_BYTES, None),
        (json.dumps(SQUARE).encode(), None),
        (b"[" * 100_000, None),
        (b"[]", None),
        (b"\xff", None),
    ],
)
@pytest.mark.parametrize(("overran", "code"), [(True, "geometry_too_complex"), (False, "measuring_failed")])
def test_a_boundary_whose_process_is_gone_is_named_by_the_id_it_brought(
    service, examiners, monkeypatch, sent, id_, overran, code
):
    monkeypatch.setattr(process.Worker, "ask", lambda examiner, payload, limit_s, longest_s: Reply(None, overran, 0.0))
    found = service.check_one(Unread(sent), AS_OF)
    assert isinstance(found, Fault)
    assert (found.row, found.id, found.code) == (1, id_, code)


def test_a_process_that_announces_work_for_ever_is_given_up(service, examiners, monkeypatch):
    told = 0

    def ask(examiner, payload, limit_s, longest_s):
        nonlocal told
        told += 1
        return Reply(pickle.dumps((OURS if told % 2 else THEIRS, "")), False, 0.0)

    body = Unread(json.dumps(SQUARE).encode(), world.CRS)
    assert isinstance(service.check_one(body, AS_OF), Found)
    (pid,) = examiners.idle()
    with monkeypatch.context() as broken:
        broken.setattr(process.Worker, "ask", ask)
        found = service.check_one(body, AS_OF)
    assert isinstance(found, Fault) and found.code == "measuring_failed"
    assert told == process.MESSAGES and pid not in examiners.idle()
    assert isinstance(service.check_one(body, AS_OF), Found)
