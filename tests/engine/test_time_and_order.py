"""The last day of a verdict is exact in any world, and the order of features in a file changes nothing."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from geo_service.export.record import record_bytes
from geo_service.model.layer import Edition, Features
from geo_service.model.register import Reach
from geo_service.model.rulebook import Rulebook
from tests import world as worlds
from tests.world import AS_OF, FAR, World, box, claim, line, ready_world

DAY = timedelta(days=1)
PASSING = ("ready", "conditional")


def day(chance: random.Random, low: int = -40, high: int = 400) -> date | None:
    """Some day around the date asked about, sometimes none."""
    return None if chance.random() < 0.3 else AS_OF + timedelta(days=chance.randrange(low, high))


def random_world(chance: random.Random) -> World:
    """A ready world in which all sorts of things begin and end."""
    world = ready_world()
    for layer in ("existing_rights", "mining_rights", "supplied_land", "ore"):
        if chance.random() < 0.8:
            rows = [{**row} for row in worlds._rows(world.editions[layer])]
            world = world.only_rows(layer, *rows, edition_date=date(2027, 6, 1))
    for code in chance.sample(["EIA", "FLD", "SWC", "SEI", "HER"], 2):
        kind = chance.choice(["ends", "waiver", "derived"])
        if kind == "ends":
            world = world.changed_rows("assessment_scopes", {"code": code}, valid_to=day(chance, 0, 200))
        elif kind == "waiver":
            changes = {"waiver_doc_no": "免〔2025〕1号", "valid_to": day(chance, 0, 200)}
            world = world.changed_rows("assessment_scopes", {"code": code}, **changes)
        else:
            changes = {"valid_to": None, "approved_on": date(2022, chance.randrange(1, 13), 15)}
            world = world.changed_rows("assessment_scopes", {"code": code}, **changes)
    if chance.random() < 0.5:
        world = world.with_rows(
            "assessment_scopes",
            {
                "id": "EIA-2",
                "code": "EIA",
                "geometry": box(*FAR),
                "progress": "approved",
                "approved_on": date(2026, 1, 1),
                "valid_from": day(chance),
                "valid_to": day(chance, 0, 900),
            },
        )
    if chance.random() < 0.5:
        changes = {"supply_window_days": chance.randrange(0, 200), "valid_from": day(chance, 1, 200)}
        zone = {
            "id": "Z-V2",
            "zone": "Z",
            "geometry": box(*worlds.ZONE),
            "version_status": "approved",
            "readiness_standard": chance.choice(["santong_yiping", "wutong_yiping"]),
            "indicators": "fixed_investment_intensity=300 万元/亩",
        }
        world = world.with_rows("zones", {**zone, **changes})
    if chance.random() < 0.4:
        hazard = {"class": chance.choice(["moderate", "high", "low"]), "geometry": box(0, 0, 150, 400)}
        world = world.with_rows("geohazard", {**hazard, "valid_from": day(chance), "valid_to": day(chance)})
    if chance.random() < 0.4:
        survey = worlds._rows(world.editions["water_mains"])[0]
        main = {"geometry": line((500, 0), (500, 400)), "state": "in_service"}
        near = {**main, "geometry": line((98, 0), (98, 400))}
        first = chance.choice([main, near])
        rows = [] if chance.random() < 0.5 else [survey]
        world = world.only_rows("water_mains", *rows, {**first, "valid_from": day(chance), "valid_to": day(chance)})
    if chance.random() < 0.4:
        platform = {"geometry": box(*FAR), "design_elevation_m": chance.choice([912.0, 920.0])}
        world = world.with_rows("platforms", {**platform, "valid_from": day(chance), "valid_to": day(chance)})
    if chance.random() < 0.4:
        changed: dict[str, Any] = {"dated_on": date(2026, chance.randrange(1, 13), 1), "valid_to": day(chance, 0)}
        if chance.random() < 0.3:
            changed |= {"reach": Reach.PLANNED, "funded": True, "due_on": date(2027, 3, 1)}
        world = world.with_claims(claim("WATER", **changed), instead_of=chance.choice([None, "WATER"]))
    return world


@pytest.fixture(autouse=True)
def _a_rule_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules that change on some later day, and one that begins then."""
    rules = worlds.rulebook()
    hazard = rules.constraints["HAZARD"]
    stricter = hazard.versions[-1].model_copy(update={"since": date(2027, 2, 10), "hard": True})
    swc = rules.assessments["SWC"]
    shorter = swc.versions[-1].model_copy(update={"since": date(2027, 1, 20), "validity_years": 3})
    changed: Rulebook = rules.model_copy(
        update={
            "constraints": {
                **rules.constraints,
                "HAZARD": hazard.model_copy(update={"versions": (*hazard.versions, stricter)}),
            },
            "assessments": {
                **rules.assessments,
                "SWC": swc.model_copy(update={"versions": (*swc.versions, shorter)}),
            },
        }
    )
    monkeypatch.setattr(worlds, "rulebook", lambda: changed)


@pytest.mark.slow
def test_the_last_day_of_a_verdict_is_the_last_day() -> None:
    ended = 0
    for seed in range(40):
        world = random_world(random.Random(seed))
        verdict = world.verdict()
        status, until = verdict.decision.status.value, verdict.valid_until
        if status not in PASSING:
            assert until is None
            continue
        horizon = AS_OF + timedelta(days=1000) if until is None else until
        for step in sorted({*range(0, (horizon - AS_OF).days, 13), (horizon - AS_OF).days}):
            asked = AS_OF + timedelta(days=step)
            assert world.verdict(asked).decision.status.value == status, (seed, asked)
        if until is not None:
            ended += 1
            assert until >= AS_OF
            assert world.verdict(until + DAY).decision.status.value != status, seed
    assert ended >= 15


@pytest.mark.parametrize("valid_from", [date(2026, 12, 20), date(2027, 1, 5)])
def test_a_main_that_comes_into_force_later_can_end_a_verdict(valid_from: date) -> None:
    far = {"geometry": line((700, 0), (700, 400)), "state": "in_service", "valid_from": valid_from}
    verdict = ready_world().only_rows("water_mains", far).verdict()
    assert verdict.decision.status.value == "ready"
    assert verdict.valid_until == valid_from - DAY


def test_a_platform_that_comes_into_force_later_can_end_a_verdict() -> None:
    platform = {"geometry": box(*FAR), "design_elevation_m": 920.0, "valid_from": date(2026, 12, 20)}
    assert ready_world().with_rows("platforms", platform).verdict().valid_until == date(2026, 12, 19)


def permuted(edition: Edition, chance: random.Random) -> Edition:
    """The same features in another order."""
    data = edition.data
    if not isinstance(data, Features):
        return edition
    order = list(range(len(data)))
    chance.shuffle(order)
    geometries = np.empty(len(order), dtype=object)
    for index, row in enumerate(order):
        geometries[index] = data.geometries[row]
    attributes = {name: tuple(column[row] for row in order) for name, column in data.attributes.items()}
    ids = tuple(data.ids[row] for row in order)
    return replace(edition, data=replace(data, ids=ids, geometries=geometries, attributes=attributes))


def test_the_order_of_features_changes_no_byte() -> None:
    chance = random.Random(7)
    for seed in range(12):
        world = random_world(random.Random(seed))
        shapes = [box(chance.uniform(0, 300), 50, chance.uniform(0, 300) + 10, 350.123) for _ in range(4)]
        world = world.with_rows(
            "geohazard", *({"geometry": shape, "class": chance.choice(["moderate", "low"])} for shape in shapes)
        ).with_rows(
            "assessment_scopes",
            *(
                {"id": f"GEO-{n}", "code": "GEO", "geometry": shape, "progress": "approved", "waiver_doc_no": f"免{n}"}
                for n, shape in enumerate(shapes)
            ),
            {"id": "MIN-a", "code": "MIN", "geometry": box(*FAR), "progress": "approved", "effect": "simplifies"},
            {"id": "MIN-b", "code": "MIN", "geometry": box(*FAR), "progress": "approved", "effect": "commitment"},
        )
        expected = record_bytes(world.record())
        for _ in range(3):
            other = replace(
                world, editions={name: permuted(edition, chance) for name, edition in world.editions.items()}
            )
            assert record_bytes(other.record()) == expected, seed
