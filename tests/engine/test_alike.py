"""What was concluded of other ground of the same kind is what would have been concluded of this."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import date
from unittest.mock import patch

import numpy as np
import pytest
import shapely
import shapely.affinity
from hypothesis import given
from hypothesis import strategies as st
from shapely import GEOSException

from geo_service import overlay
from geo_service.engine import alike, examine
from geo_service.engine.judging import Judge
from geo_service.export.record import written
from geo_service.model.finding import AssessmentFinding, ConstraintFinding
from geo_service.model.layer import LayerSet
from geo_service.model.parcel import AsOf, Parcel
from geo_service.model.rulebook import Rulebook, Words
from geo_service.model.text import Text
from geo_service.model.units import area_text
from tests import world
from tests.world import AS_OF, World, at, box, ready_world

SIDES = st.sampled_from([0.0, 40.0, 100.0, 100.03, 200.0, 300.0, 420.0])
CONCLUDED = alike.concluded
CLASSES = {
    "heritage": [None, "protection", "control", "released"],
    "farmland": [None, "farmland"],
    "flood_zones": [None, "floodway", "designated"],
    "geohazard": [None, "high", "low"],
    "urban_boundary": [None],
}


@contextmanager
def each_for_itself() -> Iterator[None]:
    """Measure and conclude every parcel as if there were no other."""
    with patch.object(Judge, "_alike", lambda *_: None):
        yield


def records(told: World, parcels: list[Parcel], as_of: date = AS_OF, rules: Rulebook | None = None) -> list[bytes]:
    layers = LayerSet(told.editions)
    found = examine(parcels, layers, world.catalogue(), rules or world.rulebook(), AsOf(as_of, as_of))
    return [written(verdict)[1] for verdict in found]


@st.composite
def places(draw: st.DrawFn) -> shapely.Geometry:
    west, east = sorted((draw(SIDES), draw(SIDES)))
    south, north = sorted((draw(SIDES), draw(SIDES)))
    return box(west - 60.0, south - 60.0, east + 60.0, north + 60.0)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    told = ready_world()
    for layer in draw(st.lists(st.sampled_from(list(CLASSES)), max_size=3)):
        row = {"geometry": draw(places()), "id": f"{layer} {draw(st.integers(0, 99))}"}
        if (cls := draw(st.sampled_from(CLASSES[layer]))) is not None:
            row["class"] = cls
        row["status"] = draw(st.sampled_from([None, "withheld", "void", "?"]))
        row["valid_to"] = draw(st.sampled_from([None, date(2026, 11, 1), date(2027, 1, 1)]))
        known = {entry.name for entry in world.catalogue().layers[layer].fields}
        told = told.with_rows(layer, {name: value for name, value in row.items() if name in known | {"geometry"}})
    for code in draw(st.lists(st.sampled_from(["EIA", "FLD", "HER"]), max_size=2)):
        more = draw(
            st.sampled_from(
                [
                    {"valid_to": date(2026, 12, 20)},
                    {"valid_to": date(2026, 11, 1)},
                    {"progress": "drafting"},
                    {"status": "withheld"},
                    {"zone_version": None, "geometry": box(*world.FAR), "waiver_doc_no": "函〔2026〕1号"},
                    {"zone_version": None, "geometry": box(0.0, 0.0, 200.0, 500.0)},
                    {"excluded_project_types": "化工"},
                ]
            )
        )
        told = told.changed_rows("assessment_scopes", {"code": code}, **more)
    return told


def parcels_of(shapes: list[shapely.Geometry]) -> list[Parcel]:
    like = ready_world().parcel
    return [replace(like, id=f"P{number}", geometry=shape, claims=()) for number, shape in enumerate(shapes)]


@given(
    worlds(), st.lists(places(), min_size=1, max_size=4), st.sampled_from([AS_OF, date(2026, 10, 1), date(2030, 1, 1)])
)
def test_a_parcel_has_the_same_record_whatever_was_concluded_of_others(told, shapes, as_of) -> None:
    turned = [shapely.affinity.rotate(shape, 7.0 * number) for number, shape in enumerate(shapes)]
    parcels = parcels_of(shapes + turned)
    with each_for_itself():
        expected = records(told, parcels, as_of)
    assert records(told, parcels, as_of) == expected


def heritage_says(words: Words) -> Rulebook:
    rules = world.rulebook()
    rule = rules.constraints["HERITAGE"]
    versions = tuple(
        version.model_copy(update={"words": {**version.words, "clear": words}}) for version in rule.versions
    )
    changed = rule.model_copy(update={"versions": versions})
    return rules.model_copy(update={"constraints": {**rules.constraints, "HERITAGE": changed}})


def test_words_that_tell_of_the_ground_are_said_of_each_parcel_by_itself() -> None:
    rules = heritage_says(Words(message=Text("空地{uncovered}", "free: {uncovered}")))
    parcels = parcels_of([box(0, 0, 100, 100), box(0, 0, 150, 100), box(0, 0, 150, 150)])
    with each_for_itself():
        expected = records(ready_world(), parcels, rules=rules)
    found = records(ready_world(), parcels, rules=rules)
    assert found == expected
    areas = (10_000.0, 15_000.0, 22_500.0)
    assert all(f"空地{area_text(area)}" in one.decode() for one, area in zip(found, areas, strict=True))


def test_most_of_an_ordinary_parcel_is_concluded_once_for_all() -> None:
    asked = []
    with patch.object(alike, "concluded", side_effect=lambda *given: asked.append(given) or CONCLUDED(*given)):
        records(ready_world(), parcels_of([box(0, 0, 100, 100), box(10, 10, 170, 100), box(5, 5, 30, 90)]))
    assert len(asked) == len({id(given[3]) for given in asked}) > 20


def test_words_that_tell_of_shares_are_said_as_they_are_measured() -> None:
    rules = heritage_says(Words(message=Text("占{touched_share}", "touched {touched_share}")))
    # Turned, so that what is cut out of them differs from them in the last digit.
    shapes = [shapely.affinity.rotate(box(0, 0, 100 + turn, 130), 7.3 * turn) for turn in range(40)]
    with each_for_itself():
        expected = records(ready_world(), parcels_of(shapes), rules=rules)
    found = records(ready_world(), parcels_of(shapes), rules=rules)
    assert found == expected
    # Nothing is touched, and no last digit makes it more than nothing.
    assert {text for one in found for text in re.findall(r"touched [\d.]+ %", one.decode())} == {"touched 0 %"}


def test_parcels_that_name_other_zones_on_the_same_ground_have_their_own_answers() -> None:
    far = {"geometry": box(5_000, 5_000, 6_000, 6_000), "id": "Y-V1", "zone": "Y", "version_status": "approved"}
    told = ready_world().with_rows("zones", far)
    like = parcels_of([box(0, 0, 100, 100)])[0]
    # What is asked of a kind for the second time is kept.
    parcels = [replace(like, zone=zone) for zone in ("Z", "Z", "Z", "Y", "Y", "nobody's", None)]
    with each_for_itself():
        expected = records(told, parcels)
    assert records(told, parcels) == expected
    outcomes = [world.found(json.loads(one), "ZONE")["outcome"] for one in expected]
    assert outcomes == ["clear", "clear", "clear", "affected", "affected", "clear", "clear"]


def test_one_version_of_two_rules_is_concluded_for_each() -> None:
    rules = world.rulebook()
    twin = rules.constraints["HERITAGE"].model_copy(update={"code": "TWIN"})
    both = rules.order.model_copy(update={"constraints": (*rules.order.constraints, "TWIN")})
    rules = rules.model_copy(update={"constraints": {**rules.constraints, "TWIN": twin}, "order": both})
    parcels = parcels_of([box(0, 0, 100 + number, 100) for number in range(3)])
    for one in records(ready_world(), parcels, rules=rules):
        assert [entry["code"] for entry in json.loads(one)["constraints"]][-1] == "TWIN"


@pytest.mark.slow
def test_borders_that_are_too_crowded_together_are_left_unmeasured() -> None:
    turns = np.linspace(0.0, 2.0 * np.pi, 30_001)[:-1]
    ring = np.column_stack([500.0 * np.cos(turns), 500.0 * np.sin(turns)])
    outside = shapely.box(-900, -900, 900, 900).difference(shapely.Polygon(ring))
    halves = [at(outside.intersection(shapely.box(*half))) for half in ((-900, -900, 0, 900), (0, -900, 900, 900))]
    told = ready_world().with_rows(
        "heritage", *({"id": f"h{side}", "geometry": half, "class": "protection"} for side, half in enumerate(halves))
    )
    parcels = parcels_of([at(shapely.Polygon(ring))] * 3)
    with each_for_itself():
        expected = records(told, parcels)
    assert world.found(json.loads(expected[0]), "HERITAGE")["reason"] == "failed"
    assert records(told, parcels) == expected


@pytest.mark.parametrize("kind", [AssessmentFinding, ConstraintFinding])
def test_a_finding_of_other_ground_leaves_nothing_out(kind) -> None:
    verdict = ready_world().verdict()
    (finding, *_) = [*verdict.assessments] if kind is AssessmentFinding else [*verdict.constraints][1:]
    again = finding.by(finding.coverage, *([finding.reports] if kind is AssessmentFinding else []))
    assert again is not finding
    assert all(getattr(again, each.name) is getattr(finding, each.name) for each in fields(kind))


def test_what_cannot_be_measured_of_a_sample_is_not_kept(monkeypatch) -> None:
    parcels = parcels_of([box(0, 0, 100 + number, 100) for number in range(3)])
    with each_for_itself():
        expected = records(ready_world(), parcels)
    real = overlay.coverage

    def failing(parcel, *more):
        if parcel.bounds[0] == 0.0:
            raise GEOSException("a sample")
        return real(parcel, *more)

    monkeypatch.setattr(overlay, "coverage", failing)
    assert records(ready_world(), parcels) == expected
    assert b'"reason":"failed"' not in expected[0]


@pytest.mark.parametrize("thin_m", [0.05, 0.3])
def test_a_parcel_so_narrow_that_it_could_be_noise_is_measured_by_itself(thin_m) -> None:
    wide, narrow = box(0, 0, 100, 100), at(shapely.box(0, 0, 2_000, thin_m))
    parcels = parcels_of([wide, narrow])
    with each_for_itself():
        expected = records(ready_world(), parcels)
    assert records(ready_world(), parcels) == expected
