"""Case files: one TOML a rule, readable without Python; every rule of the rulebook has one.

Each case starts from a parcel that is ready (``tests/world.py``: zone from -2000 to 3000 m, parcel from 100
to 300 m in local metres, 200 m × 200 m) and changes something. Keys of a case:

``name`` a plain sentence · ``as_of`` · ``parcel`` box [west, south, east, north] · ``drop`` layers removed ·
``edition_date`` {layer = date} · ``put``/``only`` lists of {layer, id, box | line | ring, …attributes} added
to, or instead of, a layer's features · ``change`` list of {layer, where, set} · ``facts`` of the parcel
(project_type, land_use, land_use_system, handover_on, demands, zone, repaired = true) · ``claims`` list of
{service, …} instead of that service's · ``no_claims`` list of services · ``indicators`` {code = [value,
unit]} · ``ground`` and ``design``: list of {value, share}, heights in metres of strips of the parcel from its
south edge, ``"none"`` for no data, shares in steps of 0.025 (elsewhere 912) · ``expect``.

What a case may expect: outcome, severity, reason, required, status, met, effect, stage, first (of all reasons),
valid_until · text that must stand in the Chinese or English words: message, clause, needed · areas: covered_m2,
uncovered_m2, unsurveyed_m2, noise_m2, ``parts`` {class = m²} · of assessments: use, ``reports`` (numbers), and of the
first report valid_to, days_left, derived · of services and levelling: kind, network, nearest, distance_m, design,
share_within_tolerance, slope_p95_percent, cut_m3, fill_m3 · of indicators: value, standard. ``"none"`` expects
nothing there; for met it is ``"unknown"``.

Every record is also held against what is true of all records (`consistent`).
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from geo_service.export.record import Record
from geo_service.model.enums import (
    ASSESSMENT_OUTCOMES,
    CONSTRAINT_OUTCOMES,
    INDICATOR_OUTCOMES,
    LEVEL_OUTCOMES,
    SERVICE_OUTCOMES,
    Kind,
    NoDataReason,
)
from geo_service.model.layer import Grid
from geo_service.model.parcel import Repair
from geo_service.model.register import ClaimKind, IndicatorValue, Reach
from tests.world import AS_OF, World, at, box, claim, entries, features, found, line, ready_world, rulebook

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*.toml"))
AREAS = ("covered_m2", "uncovered_m2", "unsurveyed_m2", "noise_m2")
PLAIN = ("outcome", "severity", "reason", "kind", "network", "nearest", "design", "required")
NUMBERS = ("distance_m", "value", "standard", "share_within_tolerance", "slope_p95_percent", "cut_m3", "fill_m3")
WITH_NONE = ("network", "design")
OF_THE_FIRST_REPORT = ("valid_to", "days_left", "derived")


def every_rule() -> tuple[str, ...]:
    """All codes of the rulebook."""
    order = rulebook().order
    return (*order.core, *order.local, *order.constraints, *order.services, order.level, *order.indicators)


def cases() -> list[Any]:
    """All cases with their rule's code."""
    found_cases = []
    for file in FILES:
        for case in tomllib.loads(file.read_text(encoding="utf-8"))["cases"]:
            found_cases.append(pytest.param(file.stem, case, id=f"{file.stem}: {case['name']}"))
    return found_cases


def test_every_rule_has_a_case_file() -> None:
    assert sorted(file.stem for file in FILES) == sorted(every_rule())


def test_every_case_is_a_sentence_and_expects_something() -> None:
    for parameters in cases():
        code, case = parameters.values
        assert len(case["name"].split()) >= 4, f"{code}: {case['name']}"
        assert "outcome" in case["expect"], f"{code}: {case['name']}"


@pytest.mark.parametrize(("code", "case"), cases())
def test_case(code: str, case: dict[str, Any]) -> None:
    world = build(case)
    body = world.record(case.get("as_of", AS_OF))
    consistent(body)
    entry, expect = found(body, code), case["expect"]
    reasons = [reason for reason in body["verdict"]["reasons"] if reason["code"] == code]
    for key, wanted in expect.items():
        if key in PLAIN:
            nothing = wanted == "none" and key not in WITH_NONE
            assert entry[key] == (None if nothing else wanted), key
        elif key in NUMBERS:
            assert entry[key] == (None if wanted == "none" else pytest.approx(wanted, abs=1e-6)), key
        elif key in OF_THE_FIRST_REPORT:
            assert entry["reports"][0][key] == (None if wanted == "none" else wanted), key
        elif key == "use":
            assert entry["use"]["effect"] == wanted
        elif key in AREAS:
            assert entry["coverage"][key] == pytest.approx(wanted, abs=1e-6), key
        elif key == "status":
            assert body["verdict"]["status"] == wanted
        elif key == "met":
            assert body["readiness"]["met"] == (None if wanted == "unknown" else wanted)
        elif key == "valid_until":
            assert body["verdict"]["valid_until"] == (None if wanted == "none" else wanted)
        elif key == "parts":
            assert {part["class"]: pytest.approx(part["area_m2"], abs=1e-6) for part in entry["parts"]} == wanted
        elif key == "message":
            assert wanted in entry["message"]["zh"] + entry["message"]["en"]
        elif key == "effect":
            assert wanted in ([reason["effect"] for reason in reasons] or ["none"])
        elif key == "stage":
            assert wanted in [reason["stage"] for reason in reasons]
        elif key in ("clause", "needed"):
            said = "".join(reason[key]["zh"] + reason[key]["en"] for reason in reasons if reason[key])
            assert wanted in said
        elif key == "first":
            assert (body["verdict"]["reasons"][0]["code"] == code) is wanted
        elif key == "reports":
            assert [report["report_no"] for report in entry["reports"]] == wanted
        else:
            pytest.fail(f"unknown expectation {key!r}")


def consistent(body: Record) -> None:
    """Hold a record against what is true of all records."""
    area = body["parcel"]["area_m2"]
    for entry in (*body["assessments"], *body["constraints"]):
        if (coverage := entry["coverage"]) is not None:
            whole = coverage["covered_m2"] + coverage["uncovered_m2"] + coverage["unsurveyed_m2"]
            assert whole == pytest.approx(area, abs=1e-6), entry["code"]
            assert coverage["share"] == pytest.approx(coverage["covered_m2"] / area, abs=1e-12), entry["code"]
    reasons = body["verdict"]["reasons"]
    assert (body["verdict"]["status"] == "ready") is (reasons == [])
    for reason in reasons:
        assert reason["owner"], reason["code"]
        if reason["effect"] == "condition":
            assert reason["clause"]["zh"] and reason["clause"]["en"], reason["code"]
            assert reason["stage"] != "before_notice", reason["code"]
        else:
            assert reason["needed"]["zh"] and reason["needed"]["en"], reason["code"]
            assert reason["stage"] == "before_notice", reason["code"]
    for entry in entries(body):
        assert (entry.get("reason") is not None) is (entry["outcome"] in ("no_data", "unknown")), entry["code"]
        assert entry["message"]["zh"] and entry["message"]["en"], entry["code"]


def build(case: dict[str, Any]) -> World:
    """Make the world of a case."""
    known = {
        "name", "as_of", "parcel", "drop", "edition_date", "put", "only", "change", "facts", "claims", "no_claims",
        "indicators", "ground", "design", "expect",
    }  # fmt: skip
    assert set(case) <= known, f"unknown keys {sorted(set(case) - known)}"
    world = ready_world()
    if "parcel" in case:
        world = world.with_parcel(geometry=box(*case["parcel"]))
    for layer in case.get("drop", ()):
        world = world.without(layer)
    cleared: set[str] = set()
    for row in case.get("only", ()):
        if row["layer"] not in cleared:
            world = world.only_rows(row["layer"])
            cleared.add(row["layer"])
        world = world.with_rows(row["layer"], _row(row))
    for row in case.get("put", ()):
        world = world.with_rows(row["layer"], _row(row))
    for change in case.get("change", ()):
        values = {key: None if value == "none" else value for key, value in change["set"].items()}
        if "box" in values:
            values["geometry"] = box(*values.pop("box"))
        world = world.changed_rows(change["layer"], change.get("where", {}), **values)
    for layer in ("ground", "design"):
        if layer in case:
            world = _strips(world, f"{layer}_elevation", case[layer])
    for layer, day in case.get("edition_date", {}).items():
        edition = world.editions[layer]
        if isinstance(edition.data, Grid):
            data = replace(edition.data, origin=replace(edition.data.origin, edition_date=day))
            world = world.with_edition(replace(edition, data=data))
            continue
        rows = [
            {"id": edition.data.ids[row], "geometry": edition.data.geometries[row]}
            | {name: column[row] for name, column in edition.data.attributes.items()}
            for row in range(len(edition.data))
        ]
        world = world.with_edition(features(layer, rows, edition_date=day))
    return _parcel(world, case)


def _strips(world: World, layer: str, strips: list[dict[str, Any]]) -> World:
    """Lay heights over the parcel in strips of whole rows of the raster, from its south edge."""
    grid = world.editions[layer].data
    assert isinstance(grid, Grid)
    values = grid.values.copy()
    _, south, _, north = world.parcel.geometry.bounds
    top, cell = grid.transform[3], -grid.transform[5]
    row = round((top - south) / cell)
    rows_of_parcel = round((north - south) / cell)
    for strip in strips:
        rows = strip["share"] * rows_of_parcel
        assert rows == pytest.approx(round(rows), abs=1e-6), f"share {strip['share']} is no whole row"
        values[row - round(rows) : row] = np.nan if strip["value"] == "none" else strip["value"]
        row -= round(rows)
    return world.with_edition(replace(world.editions[layer], data=replace(grid, values=values)))


def _parcel(world: World, case: dict[str, Any]) -> World:
    facts = dict(case.get("facts", {}))
    if facts.pop("repaired", False):
        world = world.with_parcel(repairs=(Repair("self_crossing", "自相交已修复", "mended", geometry_changed=True),))
    if "demands" in facts:
        facts["demands"] = tuple(sorted(facts["demands"].items()))
    world = world.with_parcel(**{key: None if value == "none" else value for key, value in facts.items()})
    for service in case.get("no_claims", ()):
        world = world.with_claims(instead_of=service)
    replaced: set[str] = set()
    for entry in case.get("claims", ()):
        values = dict(entry)
        service = values.pop("service")
        if "kind" in values:
            values["kind"] = ClaimKind(values["kind"])
        if "reach" in values:
            values["reach"] = Reach(values["reach"])
        world = world.with_claims(claim(service, **values), instead_of=None if service in replaced else service)
        replaced.add(service)
    if "indicators" in case:
        values_of = {value.code: value for value in world.parcel.indicators}
        for code, (value, unit) in case["indicators"].items():
            values_of[code] = IndicatorValue("P", code, None if value == "none" else value, unit, "示例〔2026〕2号")
        world = world.with_parcel(indicators=tuple(values_of.values()))
    return world


def _row(row: dict[str, Any]) -> dict[str, Any]:
    values = {key: value for key, value in row.items() if key not in ("layer", "box", "line", "ring")}
    if "box" in row:
        values["geometry"] = box(*row["box"])
    elif "line" in row:
        values["geometry"] = line(*(tuple(point) for point in row["line"]))
    elif "ring" in row:
        values["geometry"] = at(shapely.Polygon(row["ring"]))
    return values


def test_dates_in_cases_are_dates() -> None:
    for parameters in cases():
        _, case = parameters.values
        assert isinstance(case.get("as_of", AS_OF), date)


def test_every_outcome_that_a_kind_can_have_is_reached() -> None:
    reached: dict[str, set[str]] = {}
    for parameters in cases():
        code, case = parameters.values
        reached.setdefault(code, set()).add(case["expect"]["outcome"])
    missing = {code: outcomes - reached.get(code, set()) for code, outcomes in reachable().items()}
    assert {code: left for code, left in missing.items() if left} == {}


def test_every_outcome_and_every_reason_of_the_contract_is_reached_by_some_rule() -> None:
    order = rulebook().order
    groups = (
        ((*order.core, *order.local), ASSESSMENT_OUTCOMES),
        (order.constraints, CONSTRAINT_OUTCOMES),
        (order.services, SERVICE_OUTCOMES),
        ((order.level,), LEVEL_OUTCOMES),
        (order.indicators, INDICATOR_OUTCOMES),
    )
    expected = [(code, case["expect"]) for code, case in (parameters.values for parameters in cases())]
    for codes, outcomes in groups:
        assert {expect["outcome"] for code, expect in expected if code in codes} == set(outcomes)
    reasons = {expect["reason"] for _, expect in expected if "reason" in expect}
    # What fails inside cannot be written as data: tests/engine/test_absence.py.
    assert reasons == set(NoDataReason) - {NoDataReason.FAILED}


def reachable() -> dict[str, set[str]]:
    """Outcomes that each rule of the rulebook can have."""
    rules = rulebook()
    found: dict[str, set[str]] = {}
    for code, assessment in rules.assessments.items():
        found[code] = {str(outcome) for outcome in ASSESSMENT_OUTCOMES}
        if not any(version.waiver for version in assessment.versions):
            found[code] -= {"waived"}
    for code, constraint in rules.constraints.items():
        found[code] = {"clear", "review"} if constraint.layer is None else {"clear", "affected", "no_data"}
        hard = any(version.hard or any(part.review for part in version.parts) for version in constraint.versions)
        if hard or constraint.kind is Kind.MATCH:
            found[code] |= {"review"}
    for code, service in rules.services.items():
        found[code] = {str(outcome) for outcome in SERVICE_OUTCOMES}
        if service.layer is None:
            found[code] -= {"not_met", "review"}
    found[rules.level.code] = {str(outcome) for outcome in LEVEL_OUTCOMES}
    for code, indicator in rules.indicators.items():
        found[code] = {str(outcome) for outcome in INDICATOR_OUTCOMES}
        if any(version.standard is not None for version in indicator.versions):
            found[code] -= {"no_standard"}
    return found
