"""Where a layer was surveyed holds as long as the survey does."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from geo_service.model.catalogue import Extent
from geo_service.model.layer import Features
from tests.world import box, found, ready_world

PAST, LATER = date(2026, 11, 30), date(2026, 12, 2)


@pytest.mark.parametrize(
    "changes", [{"valid_to": PAST}, {"valid_from": LATER}, {"status": "withdrawn"}, {"status": "已过期"}]
)
@pytest.mark.parametrize(("layer", "code"), [("ore", "ORE"), ("farmland", "FARM"), ("heritage", "HERITAGE")])
def test_a_survey_that_is_not_in_force_makes_nothing_clear(layer: str, code: str, changes: dict[str, Any]) -> None:
    body = ready_world().changed_rows(layer, {"id": "survey"}, **changes).record()
    assert (found(body, code)["outcome"], found(body, code)["reason"]) == ("no_data", "outside_surveyed_extent")
    assert body["verdict"]["status"] == "undetermined"


def test_the_last_day_of_a_survey_counts_and_ends_the_verdict() -> None:
    body = ready_world().changed_rows("ore", {"id": "survey"}, valid_to=date(2026, 12, 20)).record()
    assert found(body, "ORE")["outcome"] == "clear"
    assert body["verdict"]["valid_until"] == "2026-12-20"


def test_ground_that_was_surveyed_is_not_ground_inside() -> None:
    world = ready_world()
    edition = world.editions["urban_boundary"]
    assert isinstance(edition.data, Features)
    spec = edition.data.spec.model_copy(
        update={"surveyed_extent": Extent.FEATURES, "class_field": "class", "surveyed_class": "surveyed"}
    )
    world = world.only_rows("urban_boundary", {"class": "surveyed", "geometry": box(0, 0, 400, 400)})
    placed = world.editions["urban_boundary"]
    surveyed = replace(placed, data=replace(placed.data, spec=spec))
    assert found(world.with_edition(surveyed).record(), "URBAN")["outcome"] == "affected"
