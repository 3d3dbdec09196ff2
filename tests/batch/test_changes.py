"""After a new edition only the parcels that it can affect are examined again; all results are those of a full run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from geo_service.model.register import ParcelFacts
from geo_service.store.workspace import Workspace
from tests.batch.conftest import (
    PARCELS,
    STEP_M,
    Done,
    anew,
    civil,
    done,
    parcel_rows,
    publish,
    rows_of,
    square,
    stopped_after,
)
from tests.world import box, claim, features, grid, line

Change = Callable[[Workspace], None]


def edited(layer: str, change: Callable[[list[dict[str, Any]]], None], **options: Any) -> Change:
    """Publish a layer once more with its rows changed."""

    def publish_again(workspace: Workspace) -> None:
        rows = rows_of(workspace, layer)
        change(rows)
        publish(workspace, features(layer, rows, **options))

    return publish_again


def added(layer: str, **row: Any) -> Change:
    return edited(layer, lambda rows: rows.append({"id": "new", **row}))


def changed(layer: str, number: int, **values: Any) -> Change:
    return edited(layer, lambda rows: rows[number].update(values))


def withdraw(layer: str) -> Change:
    def withdrawn(workspace: Workspace) -> None:
        workspace.withdraw(layer)

    return withdrawn


def register(*claims: Any, facts: Any = ()) -> Change:
    def put(workspace: Workspace) -> None:
        workspace.register.put(claims, facts)

    return put


WEST = -8_000.0
#: A power line this far from the third parcel is within what a service searches, by half a metre.
JUST = 5_000.0 + 200.0 - 0.5
HAZARD = {"class": "high"}

#: Change → how many parcels it affects.
CASES: dict[str, tuple[Change, int]] = {
    "a hazard on one parcel": (added("geohazard", geometry=square(3, 50.0), **HAZARD), 1),
    "a hazard between two parcels": (added("geohazard", geometry=box(WEST + 400, 100, WEST + 600, 200), **HAZARD), 0),
    "a hazard far outside all that was surveyed": (
        added("geohazard", geometry=box(-60_000, 100, -59_000, 900), **HAZARD),
        0,
    ),
    "a hazard along three parcels": (
        added("geohazard", geometry=box(WEST, 250, WEST + 2 * STEP_M + 10, 260), **HAZARD),
        3,
    ),
    "the survey moved off the east": (changed("geohazard", 0, geometry=box(-20_000, -20_000, 0, 20_000)), PARCELS),
    "a layer that no rule reads": (added("rivers", geometry=line((0, 0), (9, 9))), 0),
    "a report that ends": (changed("assessment_scopes", 0, valid_to=civil("2026-12-05")), PARCELS),
    "a power line within reach of some": (
        added(
            "power",
            geometry=line((WEST - JUST + 200, 150), (WEST - JUST + 200, 160)),
            state="in_service",
            kv=10,
            spare_kva=9000,
        ),
        1,
    ),
    "a power line beyond the reach of all": (
        added("power", geometry=line((WEST - 5_002, 150), (WEST - 5_002, 160)), state="in_service", kv=10),
        0,
    ),
    "other zones": (changed("zones", 0, supply_window_days=90), PARCELS),
    "a layer of another date": (edited("farmland", lambda rows: None, edition_date=civil("2026-11-01")), PARCELS),
    "a layer withdrawn": (withdraw("heritage"), PARCELS),
    "other ground levels": (
        lambda workspace: publish(
            workspace, grid("ground_elevation", np.full((200, 200), 913.0), west=-200, north=800)
        ),
        PARCELS,
    ),
    "a surveyed extent beside the file": (
        edited("soil", lambda rows: None, extent=box(WEST, 0, WEST + 2 * STEP_M, 400)),
        3,
    ),
    "one parcel wider": (changed("parcels", 4, geometry=square(4, 210.0)), 1),
    "one parcel of another use": (changed("parcels", 0, land_use="0701"), 1),
    "one parcel gone": (edited("parcels", lambda rows: rows.pop(3)), 0),
    "one parcel more": (edited("parcels", lambda rows: rows.append(parcel_rows(PARCELS + 1)[-1])), 1),
    "the parcels in another order": (edited("parcels", lambda rows: rows.reverse()), 0),
    "a layer in another order": (edited("water_mains", lambda rows: rows.reverse()), 0),
    "a claim": (register(replace(claim("WATER", document="证〔2026〕新"), parcel_id="P96")), 1),
    "a planned notice date": (register(facts=[ParcelFacts("P96", planned_notice_on=civil("2027-02-01"))]), 1),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", CASES)
def test_only_what_is_affected_is_examined_again(assessed: Workspace, before: Done, what: str) -> None:
    change, affected = CASES[what]
    change(assessed)
    after = done(assessed)
    assert after.total - after.kept == affected
    assert after.found == anew(assessed).found
    if what not in ("a layer that no rule reads", "the parcels in another order"):
        assert {one.digest for one in after.found} != {one.digest for one in before.found}


def test_changes_add_up_over_a_run_that_was_stopped(assessed: Workspace) -> None:
    added("geohazard", geometry=square(3, 50.0), **HAZARD)(assessed)
    with stopped_after(assessed, 4, unit_size=1) as finished:
        assert finished == 4
    added("farmland", geometry=square(5, 50.0), **{"class": "permanent"})(assessed)
    after = done(assessed)
    # The parcel on the hazard was among those that the stopped run had done.
    assert after.total - after.kept == 1
    assert after.found == anew(assessed).found


def test_an_edition_that_came_back_is_the_old_one(assessed: Workspace, before: Done) -> None:
    old = rows_of(assessed, "geohazard")
    added("geohazard", geometry=square(3, 50.0), **HAZARD)(assessed)
    done(assessed)
    publish(assessed, features("geohazard", old))
    back = done(assessed)
    assert back.found == before.found
    assert back.kept == PARCELS - 1


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 6))])
def test_random_changes_give_what_a_full_run_gives(assessed: Workspace, seed: int) -> None:
    chance = np.random.default_rng(seed)
    layers = ["geohazard", "farmland", "heritage", "roads", "water_mains", "planned_use", "land_approvals", "goaf"]
    for layer in chance.choice(layers, size=2, replace=False):
        rows = rows_of(assessed, str(layer))
        for _ in range(int(chance.integers(1, 4))):
            east, north = chance.uniform(-12_000, 2_000), chance.uniform(-100, 400)
            place = box(east, north, east + chance.uniform(1, 3_000), north + chance.uniform(1, 500))
            kind = chance.integers(3)
            if kind == 0 or len(rows) < 2:
                rows.append({**rows[-1], "id": f"n{chance.integers(10**9)}", "geometry": place})
            elif kind == 1:
                rows.pop(int(chance.integers(len(rows))))
            else:
                rows[-1]["geometry"] = place
        publish(assessed, features(str(layer), rows))
    after = done(assessed)
    assert after.found == anew(assessed).found


def test_the_first_run_examines_all(before: Done) -> None:
    assert before.kept == before.done == 0
