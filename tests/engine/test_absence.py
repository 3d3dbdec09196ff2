"""Absence of data is never a pass: every layer that a rule reads is taken away once."""

from __future__ import annotations

from typing import Any

import pytest

from geo_service.export.record import record_bytes
from tests.world import catalogue, ready_world, rulebook

NOTHING_KNOWN = {("no_data", "layer_missing"), ("unknown", "layer_missing")}
PASSES = {"covered", "waived", "not_required", "clear", "met", "set"}


def readers() -> dict[str, set[str]]:
    """Codes of the findings that read each layer; reports on zone versions and scope extents read the zones too."""
    rules = rulebook()
    found: dict[str, set[str]] = {}
    for code, assessment in rules.assessments.items():
        found.setdefault(assessment.layer, set()).add(code)
        found.setdefault(rules.zones_layer, set()).add(code)
    for code, constraint in rules.constraints.items():
        if constraint.layer:
            found.setdefault(constraint.layer, set()).add(code)
        if constraint.outside_only_of:
            outer = rules.constraints[constraint.outside_only_of].layer
            found.setdefault(outer or "", set()).add(code)
    for code, service in rules.services.items():
        if service.layer:
            found.setdefault(service.layer, set()).add(code)
    level = rules.level
    for layer in (level.ground_layer, level.platforms_layer, level.design_layer):
        if layer:
            found.setdefault(layer, set()).add(level.code)
    return found


def entries(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All findings by code."""
    ready = body["readiness"]
    every = [*body["assessments"], *body["constraints"], *ready["services"], ready["level"], *body["indicators"]]
    return {entry["code"]: entry for entry in every}


BEFORE = ready_world().record()


def test_the_world_is_ready_and_every_layer_is_in_the_catalogue() -> None:
    assert BEFORE["verdict"]["status"] == "ready"
    assert set(readers()) <= set(catalogue().layers)


@pytest.mark.parametrize("layer", sorted(readers()))
def test_a_missing_layer_is_never_a_pass_and_touches_no_other_finding(layer: str) -> None:
    after = ready_world().without(layer).record()
    before, now, reading = entries(BEFORE), entries(after), readers()[layer]
    for code, entry in now.items():
        if code in reading:
            assert (entry["outcome"], entry["reason"]) in NOTHING_KNOWN, code
        elif layer != rulebook().zones_layer:
            assert entry == before[code], code
        if before[code]["outcome"] not in PASSES:
            assert entry["outcome"] not in PASSES, code
    blocking = [code for code in reading if now[code]["severity"] == "blocking"]
    expected = "undetermined" if blocking else after["verdict"]["status"]
    assert after["verdict"]["status"] == expected
    assert layer not in {read["id"] for read in after["provenance"]["layers"]}


def test_the_same_inputs_give_the_same_bytes() -> None:
    assert record_bytes(ready_world().record()) == record_bytes(BEFORE)


def test_an_internal_failure_is_said_and_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from geo_service import overlay
    from geo_service.errors import MeasureFailed

    whole = overlay.coverage

    def broken(parcel: Any, geometries: Any, ids: Any, rows: Any, *rest: Any) -> Any:
        if any(str(one).startswith("farmland") or one == "survey" for one in ids) and rest[3].hard:
            raise MeasureFailed("injected")
        return whole(parcel, geometries, ids, rows, *rest)

    monkeypatch.setattr(overlay, "coverage", broken)
    after = entries(ready_world().record())
    assert (after["FARM"]["outcome"], after["FARM"]["reason"]) == ("no_data", "failed")
    assert after["HAZARD"] == entries(BEFORE)["HAZARD"]
