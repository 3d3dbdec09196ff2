"""A run that is stopped goes on where it stopped, and nobody can tell from its result."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from geo_service import batch
from geo_service.errors import NotFound, WorkspaceError
from geo_service.export.record import digest_of, record_bytes
from geo_service.model.parcel import AsOf
from geo_service.model.register import ParcelFacts
from geo_service.service import Service
from geo_service.store.workspace import Workspace
from tests.batch.conftest import ASKED, PARCELS, Done, civil, done, stopped_after
from tests.world import AS_OF


def folders(workspace: Workspace) -> list[Path]:
    return [path for path in (workspace.directory / "runs").iterdir() if path.is_dir()]


def test_results_are_the_records_of_the_service_in_the_order_of_ids(workspace: Workspace) -> None:
    found = done(workspace, unit_size=5)
    service = Service(workspace, lambda: AS_OF)
    assert found.ids == sorted(service.parcels) and found.total == PARCELS
    for one in found.found:
        body = service.record(one.id)
        assert one.record == record_bytes(body)
        assert (one.digest, one.status) == (digest_of(body), body["verdict"]["status"])
        assert (one.as_of, one.zone, one.zone_version) == ("2026-12-01", "Z", "Z-V1")
        assert json.loads(one.feature)["properties"]["digest"] == one.digest


@pytest.mark.parametrize("size", [1, 4, 1_000])
def test_how_parcels_are_cut_into_units_changes_nothing(workspace: Workspace, before: Done, size: int) -> None:
    assert done(workspace, unit_size=size).found == before.found


def test_a_stopped_run_goes_on(workspace: Workspace, before: Done) -> None:
    with stopped_after(workspace, 2, unit_size=2) as finished:
        assert finished == 4
    again = done(workspace, unit_size=2)
    assert (again.done, again.total) == (4, PARCELS)
    assert again.found == before.found


def test_the_same_run_again_is_there_already(assessed: Workspace, before: Done) -> None:
    with batch.opened(assessed, ASKED) as run:
        assert (run.units, run.done) == (0, PARCELS)
        assert tuple(run.results()) == before.found


@pytest.fixture(scope="module")
def half_done(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which a run was stopped when four parcels were done."""
    directory = shutil.copytree(pristine, tmp_path_factory.mktemp("batch") / "bureau")
    with stopped_after(Workspace.open(directory), 4, unit_size=1):
        pass
    return directory


@pytest.mark.parametrize("harm", ["cut", "head", "part", "empty", "other"])
def test_a_damaged_unit_is_done_again(half_done: Path, tmp_path: Path, before: Done, harm: str) -> None:
    workspace = Workspace.open(shutil.copytree(half_done, tmp_path / "bureau"))
    units = sorted(folders(workspace)[0].glob("*.unit"))
    content = bytearray(units[1].read_bytes())
    if harm == "cut":
        del content[-100:]
    elif harm == "other":
        content = bytearray(units[2].read_bytes())
    elif harm == "empty":
        content.clear()
    else:
        content[100 if harm == "head" else -100] ^= 1
    units[1].write_bytes(content)
    again = done(workspace, unit_size=1)
    assert again.done == 3
    assert again.found == before.found


def test_a_unit_damaged_after_it_was_read_is_no_result(assessed: Workspace) -> None:
    with batch.opened(assessed, ASKED) as run:
        unit = next(folders(assessed)[0].glob("*.unit"))
        unit.write_bytes(unit.read_bytes()[:-1])
        with pytest.raises(WorkspaceError, match="damaged"):
            list(run.results())


def test_only_one_process_works_on_a_run(workspace: Workspace) -> None:
    with batch.opened(workspace, ASKED), pytest.raises(WorkspaceError, match="another process"):
        done(Workspace.open(workspace.directory))


def test_a_finished_run_replaces_all_others(assessed: Workspace) -> None:
    [first] = folders(assessed)
    with stopped_after(assessed, 1, unit_size=2):
        pass
    assert len(folders(assessed)) == 2
    done(assessed, as_of=AsOf(civil("2027-01-04"), AS_OF))
    [left] = folders(assessed)
    assert left != first


def test_a_run_over_some_parcels_leaves_what_was_there(assessed: Workspace, before: Done) -> None:
    kept = folders(assessed)
    some = done(assessed, chosen=["P95", "P99", "P95"])
    by_id = {one.id: one for one in before.found}
    assert some.found == (by_id["P95"], by_id["P99"], by_id["P95"])
    assert (some.total, some.kept) == (2, 2)
    assert folders(assessed) == kept


def test_a_parcel_that_is_not_there_is_named(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match="NOWHERE"):
        done(workspace, chosen=["P95", "NOWHERE"])
    assert folders(workspace) == []


def test_another_date_is_another_run(assessed: Workspace, before: Done) -> None:
    later = done(assessed, as_of=AsOf(civil("2031-06-01"), AS_OF))
    assert later.kept == 0
    assert {one.as_of for one in later.found} == {"2031-06-01"}
    assert [json.loads(one.record)["verdict"] for one in later.found] != [
        json.loads(one.record)["verdict"] for one in before.found
    ]


def test_the_fallback_moves_only_parcels_without_a_date_of_their_own(workspace: Workspace) -> None:
    workspace.register.put(facts=[ParcelFacts("P95", planned_notice_on=civil("2027-03-01"))])
    done(workspace)
    moved = done(workspace, as_of=replace(ASKED, fallback=civil("2026-12-02")))
    assert moved.kept == 1
    assert {one.id: one.as_of for one in moved.found}["P95"] == "2027-03-01"


def test_no_parcels_are_no_results(tmp_path: Path) -> None:
    empty = Workspace.create(tmp_path / "empty", as_of=AS_OF)
    found = done(empty)
    assert (found.total, found.found) == (0, ())
