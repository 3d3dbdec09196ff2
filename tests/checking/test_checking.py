"""Measuring boundaries from outside: what hangs or breaks is one row, and everything else is answered as ever."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path

import httpx
import pytest
import shapely

from geo_service import checking, worker
from geo_service.api.app import create_app
from geo_service.api.routes import check
from geo_service.checking import process
from geo_service.checking.process import Examiners
from geo_service.errors import GeoServiceError, InputError, WorkspaceError
from geo_service.export.record import record, record_bytes
from geo_service.ingest.process import READERS
from geo_service.model.parcel import AsOf, Parcel
from geo_service.store.workspace import Workspace
from tests import world
from tests.api.serving import AS_OF, OPEN, report_of, running
from tests.checking.combs import comb
from tests.checking.greedy import HEADROOM_BYTES
from tests.processes import gone, peak_growth

ASKED = AsOf(None, AS_OF)
#: So soon whoever asked is told that a process broke; later by so many times what a whole answer takes on a crowded
#: machine.
SOON_S, TIMES = 2.0, 5
NUMBERS = count()


def parcel(number: int, geometry=None) -> Parcel:
    west = 100.0 + 5 * number
    return Parcel(f"check-{number}", geometry or world.box(west, 100, west + 120, 300), world.CRS)


def rows(count: int) -> list[tuple[int, Parcel]]:
    return [(number, parcel(number)) for number in range(1, count + 1)]


def in_metres(geometry) -> dict:
    return json.loads(shapely.to_geojson(geometry))


def test_the_bytes_are_those_of_measuring_here(service, workspace, examiners):
    asked = [(number, one) for number, one in enumerate(service.parcels.values(), start=1)]
    found = checking.measure(workspace.directory, workspace.rulebook.sha256, asked, ASKED)
    here = [record_bytes(record(one)) for one in service.snapshot().examine([p for _, p in asked], ASKED, None, None)]
    assert [row for row, _ in found.records] == [row for row, _ in asked]
    assert [content for _, content in found.records] == here
    assert found.rejected == ()


def test_shapes_that_nobody_asks_for_are_not_made_and_the_record_is_the_same(service, examiners):
    directory, sha256 = service.workspace.directory, service.rulebook.sha256
    drawn, bare = ([*checking.found(directory, sha256, rows(1), ASKED, drawn=wanted)] for wanted in (True, False))
    assert bare[0].record == drawn[0].record
    assert (bare[0].drawn, json.loads(drawn[0].drawn)["type"]) == (b"", "FeatureCollection")


def test_without_a_workspace_the_bundled_rules_hold(examiners):
    found = checking.measure(None, world.rulebook().sha256, rows(1), ASKED, project_type="食品")
    body = json.loads(found.records[0][1])
    assert body["verdict"]["status"] == "undetermined"
    assert body["parcel"]["project_type"] == "食品"
    assert {entry["reason"] for entry in body["assessments"]} == {"layer_missing"}


def test_a_row_that_crosses_a_layer_too_often_is_refused_and_the_others_are_answered(service, examiners):
    asked = [(1, parcel(1)), (2, parcel(2, comb(upright=True))), (3, parcel(3))]
    began = time.monotonic()
    found = checking.measure(service.workspace.directory, service.rulebook.sha256, asked, ASKED)
    assert time.monotonic() - began < process.ROW_LIMIT_S
    assert [row for row, _ in found.records] == [1, 3]
    assert [(fault.row, fault.id, fault.code) for fault in found.rejected] == [(2, "check-2", "geometry_too_complex")]


def test_a_row_that_overruns_ends_its_process_and_the_others_are_answered(service, examiners, monkeypatch):
    monkeypatch.setattr(process, "ROW_LIMIT_S", 6.0)
    examiners.warm_up(process._ground(service.workspace.directory, service.rulebook.sha256))
    (pid,) = examiners.idle()
    real = process._begun

    def begun(examiner, job):
        found = real(examiner, job)
        if examiner.pid == pid:
            os.kill(pid, signal.SIGSTOP)
        return found

    monkeypatch.setattr(process, "_begun", begun)
    # So many that they do not all fit into the pipe before the process stops.
    found = checking.measure(service.workspace.directory, service.rulebook.sha256, rows(12), ASKED)
    assert len(found.rejected) == 1
    assert found.rejected[0].code == "geometry_too_complex"
    assert sorted([row for row, _ in found.records] + [found.rejected[0].row]) == list(range(1, 13))
    assert gone(pid)


def test_rows_that_were_not_looked_at_in_time_say_so(service, examiners, monkeypatch):
    monkeypatch.setattr(process, "CHECK_LIMIT_S", 0.0)
    monkeypatch.setattr(process, "CHECK_LIMIT_S_PER_ROW", 0.0)
    found = checking.measure(service.workspace.directory, service.rulebook.sha256, rows(2), ASKED)
    assert found.records == ()
    assert [(fault.row, fault.code) for fault in found.rejected] == [(1, "not_measured"), (2, "not_measured")]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
def test_a_process_that_died_while_idle_is_replaced(service, examiners, how):
    ground = process._ground(service.workspace.directory, service.rulebook.sha256)
    examiners.warm_up(ground)
    (pid,) = examiners.idle()
    os.kill(pid, how)
    assert len(examiners.measure(ground, rows(1), ASKED, None).records) == 1
    assert examiners.idle() != (pid,)


def test_what_is_published_is_seen_by_the_next_check(tmp_path, examiners):
    workspace = Workspace.create(tmp_path / "ws", as_of=AS_OF)
    sha256 = workspace.rulebook.sha256

    def outcome() -> tuple[str, str | None]:
        found = checking.measure(workspace.directory, sha256, rows(1), ASKED)
        entry = world.found(json.loads(found.records[0][1]), "FARM")
        return entry["outcome"], entry["reason"]

    assert outcome() == ("no_data", "layer_missing")
    data = replace(world.ready_editions()["farmland"].data, spec=workspace.catalogue.layers["farmland"])
    workspace.publish(data, report_of(data))
    assert outcome() == ("clear", None)
    workspace.withdraw("farmland")
    assert outcome() == ("no_data", "layer_missing")
    assert len(examiners.idle()) == 1


def test_one_process_changes_from_one_ground_to_another(service, examiners):
    sha256 = service.rulebook.sha256
    for directory in (None, service.workspace.directory, None):
        found = checking.measure(directory, sha256, rows(1), ASKED)
        assert bool(json.loads(found.records[0][1])["provenance"]["layers"]) is (directory is not None)
    assert len(examiners.idle()) == 1


def test_other_rules_than_the_callers_give_no_answer(service, examiners):
    with pytest.raises(WorkspaceError):
        checking.measure(service.workspace.directory, "0" * 64, rows(1), ASKED)


def test_a_folder_that_is_no_workspace_is_said(tmp_path, examiners):
    with pytest.raises(WorkspaceError):
        checking.measure(tmp_path / "none", "0" * 64, rows(1), ASKED)


def test_a_date_without_rules_and_an_unknown_zone(service, examiners):
    old = AsOf(AS_OF.replace(year=1900), AS_OF)
    found = checking.measure(service.workspace.directory, service.rulebook.sha256, rows(2), old)
    assert [(fault.row, fault.code) for fault in found.rejected] == [(1, "no_rules_on_date"), (2, "no_rules_on_date")]
    with pytest.raises(InputError) as caught:
        checking.measure(service.workspace.directory, service.rulebook.sha256, rows(1), ASKED, zone="Y")
    assert caught.value.faults[0].code == "zone_unknown"


def test_an_answer_can_bring_no_code_with_it():
    with pytest.raises(pickle.UnpicklingError):
        worker.opened(pickle.dumps(Path("x")), process.KNOWN)
    # As a process of its own writes it: what is loaded here may have errors pickled in another way.
    code = (
        "import pickle, sys; from geo_service.errors import GeoServiceError; "
        "sys.stdout.buffer.write(pickle.dumps(GeoServiceError('x')))"
    )
    written = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert isinstance(worker.opened(written, process.KNOWN), GeoServiceError)


# Served


@pytest.fixture
def served(service, examiners):
    with running(create_app(service, policy=OPEN), service) as found:
        yield found


def while_measuring(served, *boundaries) -> tuple[httpx.Response, float, list[float]]:
    """Have boundaries checked; return the answer and its seconds, and those of all who asked for a record meanwhile."""
    path = "/parcels/P/assessment"
    record = served.get(path).content
    features = [
        {"type": "Feature", "id": f"comb-{number}", "properties": {}, "geometry": in_metres(one)}
        for number, one in enumerate(boundaries, start=1)
    ]
    body = {"type": "FeatureCollection", "features": features}
    waits: list[float] = []
    with httpx.Client(base_url=served.base, timeout=600, trust_env=False) as other, ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        checked = pool.submit(served.client.post, "/check", params={"crs": world.CRS}, json=body)
        while not checked.done():
            asked = time.monotonic()
            answer = other.get(path)
            waits.append(time.monotonic() - asked)
            assert (answer.status_code, answer.content) == (200, record)
        return checked.result(), time.monotonic() - began, waits


def test_a_comb_over_a_comb_is_refused_while_others_are_served(served):
    answer, _, waits = while_measuring(served, comb(upright=True))
    assert (answer.status_code, answer.json()["code"]) == (422, "geometry_too_complex")
    assert answer.json()["items"][0]["id"] == "comb-1"
    assert len(waits) > 5


def test_while_a_boundary_takes_long_others_have_their_records_as_ever(served):
    # It crosses the comb of a layer nearly as often as is measured at all.
    answer, seconds, waits = while_measuring(served, comb(upright=True, teeth=12))
    assert answer.status_code == 200 and len(answer.json()["records"]) == 1
    # Nobody waits for the end of it; where there is room some hundreds are served in that time.
    assert max(waits) < seconds
    assert len(waits) >= 30


@pytest.fixture
def greedy(service, monkeypatch):
    """The service with measuring processes in which some boundaries want more memory than there is."""
    found = Examiners()
    found._module = "tests.checking.greedy"
    monkeypatch.setattr(process, "EXAMINERS", found)
    with running(create_app(service, policy=OPEN), service) as served:
        yield served
    found.close()


@pytest.mark.parametrize("together", [False, True])
def test_a_boundary_that_takes_more_memory_than_it_may_is_a_clear_answer_and_the_next_check_works(greedy, together):
    def asked(id_: str) -> httpx.Response:
        one = {"type": "Feature", "id": id_, "properties": {}, "geometry": in_metres(world.box(*world.PARCEL))}
        body = {"type": "FeatureCollection", "features": [one]} if together else one
        return greedy.client.post("/check", json=body, params={"crs": world.CRS})

    before = asked("plain")
    assert before.status_code == 200
    with peak_growth(os.getpid()) as grown:
        # Python is told that there is no memory, and GEOS is.
        for id_, status, code in (
            ("at once", 422, "geometry_too_complex"),
            ("little by little", 503, "measuring_failed"),
        ):
            answer = asked(id_)
            assert (answer.status_code, answer.json()["code"]) == (status, code)
            assert answer.json()["detail"] and answer.json()["next"]["zh"]
            assert (asked("plain").status_code, asked("plain").content) == (200, before.content)
    # What the measuring process took until it was refused more, this one that answers did not take.
    assert grown() < HEADROOM_BYTES / 4


def test_a_process_that_breaks_in_the_middle_is_a_clear_answer_and_the_next_check_works(served, examiners, monkeypatch):
    (pid,) = examiners.idle()
    real = process._begun

    def broken(examiner, job):
        found = real(examiner, job)
        if examiner.pid == pid:
            os.kill(pid, signal.SIGSEGV)
        return found

    monkeypatch.setattr(process, "_begun", broken)
    body = in_metres(world.box(*world.PARCEL))
    # So many that they do not all fit into the pipe before the process breaks.
    posted = [{"type": "Feature", "properties": {}, "geometry": body}] * 12
    answer = served.client.post(
        "/check", json={"type": "FeatureCollection", "features": posted}, params={"crs": world.CRS}
    ).json()
    assert [entry["code"] for entry in answer["rejected"]] == ["measuring_failed"]
    assert len(answer["records"]) == 11
    assert answer["rejected"][0]["reason"]["zh"] and answer["rejected"][0]["next"]["en"]
    after = served.client.post("/check", json=body, params={"crs": world.CRS})
    assert after.status_code == 200
    assert pid not in examiners.idle()


def _seconds(act) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
def test_a_single_boundary_that_breaks_its_process_is_no_answer_of_ours(served, monkeypatch, how):
    def asked() -> httpx.Response:
        # A request of its own each time, so that no answer is known.
        body = {"type": "Feature", "properties": {"n": next(NUMBERS)}, "geometry": in_metres(world.box(*world.PARCEL))}
        return served.client.post("/check", json=body, params={"crs": world.CRS})

    before = asked()
    assert before.status_code == 200
    usual = _seconds(asked)
    real = process._read_and_measured

    def broken(examiner, job):
        os.kill(examiner.pid, how)
        return real(examiner, job)

    with monkeypatch.context() as breaking:
        breaking.setattr(process, "_read_and_measured", broken)
        began = time.monotonic()
        answer = asked()
        assert time.monotonic() - began < SOON_S + TIMES * usual
    assert (answer.status_code, answer.json()["code"]) == (503, "measuring_failed")
    assert answer.json()["detail"] and answer.json()["next"]["zh"]
    after = asked()
    assert (after.status_code, after.content) == (200, before.content)


def test_a_file_that_breaks_its_reader_is_refused_and_the_next_is_read(served):
    def asked() -> httpx.Response:
        content = json.dumps(in_metres(world.box(*world.PARCEL)) | {"n": next(NUMBERS)}).encode()
        return served.client.post("/check", files={"file": ("a.geojson", content)}, params={"crs": world.CRS})

    before = asked()
    assert before.status_code == 200
    usual = _seconds(asked)
    readers = READERS.idle()
    assert readers
    for pid in readers:
        # A stopped process stands for one in the middle of a long call.
        os.kill(pid, signal.SIGSTOP)

    def broken() -> None:
        for pid in readers:
            os.kill(pid, signal.SIGSEGV)
            os.kill(pid, signal.SIGCONT)

    breaking = threading.Timer(0.3, broken)
    began = time.monotonic()
    breaking.start()
    answer = asked()
    assert time.monotonic() - began < SOON_S + TIMES * usual
    breaking.join()
    assert (answer.status_code, answer.json()["code"]) == (422, "file_unreadable")
    assert "a.geojson" in answer.text and answer.json()["next"]["zh"]
    after = asked()
    assert (after.status_code, after.content) == (200, before.content)
    assert not set(READERS.idle()) & set(readers)


def test_a_check_waits_its_turn_and_then_says_that_others_are_at_work(service, examiners, monkeypatch):
    app = create_app(service, policy=OPEN)
    monkeypatch.setattr(check, "WAIT_S", 0.1)
    monkeypatch.setattr(check, "CHECKS", 0)
    with running(app, service) as found:
        answer = found.client.post("/check", json=in_metres(world.box(*world.PARCEL)), params={"crs": world.CRS})
        assert found.get("/parcels/P/assessment").status_code == 200
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "busy", "5")
