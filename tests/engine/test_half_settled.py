"""What is settled for a part of the parcel only, or only applied for, settles no more than that."""

from __future__ import annotations

import pytest

from tests.world import World, box, found, ready_world

HALF = {"geometry": box(0, 0, 200, 400)}


def with_waiver_over_half() -> World:
    """A waiver with its document over the western half of the parcel, and nothing else."""
    world = ready_world()
    return world.changed_rows(
        "assessment_scopes",
        {"code": "SEI"},
        zone_version=None,
        waiver_doc_no="晋震函〔2023〕5号",
        report_no=None,
        **HALF,
    )


def test_a_waiver_over_half_of_the_parcel_shows_the_other_half_as_missing() -> None:
    body = with_waiver_over_half().record()
    finding = found(body, "SEI")
    assert finding["outcome"] == "partly_covered"
    assert finding["coverage"]["share"] == pytest.approx(0.5)
    assert finding["coverage"]["uncovered_m2"] == pytest.approx(20000.0)
    assert body["verdict"]["status"] == "not_ready"


def test_the_highlighted_piece_is_the_ground_without_waiver() -> None:
    verdict = with_waiver_over_half().verdict()
    piece = next(piece for entry in verdict.assessments for piece in entry.pieces if piece.code == "SEI")
    assert piece.geometry.equals(box(200, 100, 300, 300))


def test_a_draft_beside_a_waiver_does_not_turn_what_is_settled_into_pending() -> None:
    draft = {"id": "SEI-2", "code": "SEI", "progress": "drafting", "geometry": box(200, 0, 400, 400)}
    assert (
        found(with_waiver_over_half().with_rows("assessment_scopes", draft).record(), "SEI")["outcome"]
        == "partly_covered"
    )


@pytest.mark.parametrize("state", ["applied", "lapsed"])
def test_farmland_under_an_approval_only_applied_for_is_not_said_to_be_converted(state: str) -> None:
    farmland = {"geometry": box(-500, -500, 900, 900), "code": "0103", "code_system": "survey3"}
    approval = {"geometry": box(-500, -500, 900, 900), "state": state, "doc_no": "晋自然资函〔2026〕示例号"}
    body = ready_world().only_rows("present_use", farmland).only_rows("land_approvals", approval).record()
    assert found(body, "LANDAPPROVAL")["outcome"] == "affected"
    assert found(body, "LANDUSE")["outcome"] == "affected"
