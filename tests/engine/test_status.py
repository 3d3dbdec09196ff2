"""What was struck off, withheld, or has a status that nobody can read never counts in a parcel's favour."""

from __future__ import annotations

import pytest

from tests.world import found, ready_world


@pytest.mark.parametrize("status", ["superseded", "withdrawn", "cancelled", "revoked"])
def test_a_report_that_was_struck_off_covers_nothing(status: str) -> None:
    body = ready_world().changed_rows("assessment_scopes", {"code": "EIA"}, status=status).record()
    assert found(body, "EIA")["outcome"] == "not_covered"
    assert body["verdict"]["status"] == "not_ready"


def test_a_report_said_to_be_in_force_covers() -> None:
    body = ready_world().changed_rows("assessment_scopes", {"code": "EIA"}, status="in_force").record()
    assert found(body, "EIA")["outcome"] == "covered"


@pytest.mark.parametrize(
    ("layer", "code", "status", "reason"),
    [
        ("assessment_scopes", "EIA", "已过期", "attribute_missing"),
        ("land_approvals", "LANDAPPROVAL", "已过期", "attribute_missing"),
        ("urban_boundary", "URBAN", "已过期", "attribute_missing"),
        ("zones", "ZONE", "已过期", "attribute_missing"),
        ("planned_use", "PLAN", "已过期", "attribute_missing"),
        ("assessment_scopes", "EIA", "withheld", "withheld"),
        ("land_approvals", "LANDAPPROVAL", "withheld", "withheld"),
        ("urban_boundary", "URBAN", "withheld", "withheld"),
        ("planned_use", "PLAN", "withheld", "withheld"),
    ],
)
def test_what_is_withheld_or_unreadable_is_no_data(layer: str, code: str, status: str, reason: str) -> None:
    body = ready_world().changed_rows(layer, {}, status=status).record()
    entry = found(body, code)
    assert (entry["outcome"], entry["reason"]) == ("no_data", reason)
    assert body["verdict"]["status"] == "undetermined"


@pytest.mark.parametrize("status", ["withheld", "已废"])
def test_a_main_of_doubtful_status_cannot_serve(status: str) -> None:
    entry = found(ready_world().changed_rows("water_mains", {"id": "w1"}, status=status).record(), "WATER")
    assert entry["network"] != "serves"
    assert entry["outcome"] == "review"
