"""Planned use against the parcel's own code."""

from __future__ import annotations

import pytest

from tests.world import found, ready_world


@pytest.mark.parametrize(
    ("own", "planned", "outcome"),
    [
        ("100102", "100102", "clear"),
        ("100102", "1001", "clear"),
        ("1001", "100101", "review"),
        ("100102", "100101", "affected"),
        ("100102", "1002", "affected"),
    ],
)
def test_a_plan_narrower_than_the_parcels_use_is_for_the_planning_authority_to_settle(
    own: str, planned: str, outcome: str
) -> None:
    world = ready_world().with_parcel(land_use=own).changed_rows("planned_use", {}, code=planned)
    assert found(world.record(), "PLAN")["outcome"] == outcome


@pytest.mark.parametrize("own", [None, "9999"])
def test_no_ground_is_said_to_differ_from_a_use_that_nobody_knows(own: str | None) -> None:
    world = ready_world().with_parcel(land_use=own)
    told = found(world.record(), "PLAN")
    assert (told["outcome"], told["reason"], told["parts"]) == ("no_data", "attribute_missing", [])
    assert not [piece for finding in world.verdict().constraints for piece in finding.pieces if piece.code == "PLAN"]
