"""Story 12: a claim comes in; only its row and the verdict change, and the audit knows from where."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from geo_service.model.register import Claim, ClaimKind, Reach
from geo_service.service import Service
from geo_service.store.workspace import Workspace
from tests.e2e.conftest import AS_OF
from tests.world import entries


def by_code(body: dict[str, Any]) -> dict[str, Any]:
    return {entry["code"]: entry for entry in entries(body)}


def test_one_claim_changes_its_row_and_the_verdict_and_nothing_else(own_demo: Path, cases: dict[str, str]) -> None:
    workspace = Workspace.open(own_demo)
    service = Service(workspace, lambda: AS_OF)
    parcel, other = cases["no_claim"], cases["A"]
    before, other_before = service.record(parcel), service.record(other)
    assert by_code(before)["WATER"]["reason"] == "no_claim"
    assert before["verdict"]["status"] == "undetermined"

    claim = Claim(
        parcel_id=parcel,
        service="WATER",
        kind=ClaimKind.PERMANENT,
        reach=Reach.TO_BOUNDARY,
        document="水证〔2026〕51号（示例）",
        issuer="示例供水公司",
        dated_on=date(2026, 10, 8),
        capacity=5000.0,
    )
    workspace.register.put([claim], source="一条证明.xlsx")

    after = service.record(parcel)
    changed = {code for code, entry in by_code(after).items() if entry != by_code(before)[code]}
    assert changed == {"WATER"}
    assert by_code(after)["WATER"]["outcome"] == "met"
    assert after["verdict"]["status"] == "ready"
    assert after["parcel"] == before["parcel"]
    assert after["provenance"]["layers"] == before["provenance"]["layers"]
    assert after["provenance"]["digest"] != before["provenance"]["digest"]
    assert service.record(other) == other_before
    assert workspace.register.audit()[-1].object == "一条证明.xlsx"
