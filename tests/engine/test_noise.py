"""What is left out as noise never hides land, an open question, or ground that nobody has looked at."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from shapely.affinity import rotate

from geo_service.projection import LON_LAT, lon_lat, project
from tests.world import CRS, at, box, found, ready_world

#: Half a unit of the seventh decimal of a degree, along the meridian, in metres.
ROUNDING_M = 0.5e-7 * math.pi / 180 * 6_378_137


def test_strips_of_two_classes_side_by_side_are_land_together() -> None:
    world = ready_world().with_rows(
        "heritage",
        {"geometry": box(100, 100, 100.08, 110), "class": "control"},
        {"geometry": box(100.08, 100, 100.16, 110), "class": "protection"},
    )
    entry = found(world.record(), "HERITAGE")
    assert (entry["outcome"], entry["severity"]) == ("affected", "blocking")


def test_a_strip_that_only_a_surveyor_can_settle_outweighs_a_lesser_class_that_is_touched() -> None:
    world = ready_world().with_rows(
        "heritage",
        {"geometry": box(100, 100, 200, 300), "class": "control"},
        {"geometry": box(290, 100, 290.08, 300), "class": "protection"},
    )
    body = world.record()
    assert (found(body, "HERITAGE")["outcome"], found(body, "HERITAGE")["severity"]) == ("review", "blocking")
    assert body["verdict"]["status"] == "undetermined"


def test_a_class_that_is_known_to_block_outweighs_one_that_is_unclear() -> None:
    world = ready_world().with_rows(
        "heritage",
        {"geometry": box(100, 100, 200, 300), "class": "protection"},
        {"geometry": box(200, 100, 300, 300), "class": None},
    )
    assert found(world.record(), "HERITAGE")["outcome"] == "affected"


def test_a_thin_strip_of_withheld_data_beyond_one_square_metre_is_no_data() -> None:
    strip = {"geometry": box(100, 100, 100.08, 300), "class": "protection", "status": "withheld"}
    entry = found(ready_world().with_rows("heritage", strip).record(), "HERITAGE")
    assert (entry["outcome"], entry["reason"]) == ("no_data", "withheld")


def test_a_thin_strip_without_survey_beyond_one_square_metre_is_no_data_under_a_hard_rule() -> None:
    survey = {"geometry": box(100.08, 0, 400, 400), "class": "surveyed"}
    entry = found(ready_world().only_rows("farmland", survey).record(), "FARM")
    assert (entry["outcome"], entry["reason"]) == ("no_data", "partly_surveyed")


def test_a_parcel_that_is_thin_itself_is_not_covered_by_nothing() -> None:
    world = ready_world().with_parcel(geometry=box(100, 100, 100.08, 300)).only_rows("assessment_scopes")
    entry = found(world.record(), "EIA")
    assert entry["outcome"] == "not_covered"
    assert entry["coverage"]["noise_m2"] == 0.0


def outlines() -> list[shapely.Polygon]:
    """Parcels as surveyed: rectangles at every angle, and polygons of many corners."""
    rng = np.random.default_rng(22)
    boxes = [rotate(shapely.box(100, 100, 100 + side, 300), 11.3 * side) for side in range(20, 180, 10)]
    angles = np.linspace(0, 2 * math.pi, 24, endpoint=False)
    rounds = [
        shapely.Polygon(np.column_stack([np.cos(angles), np.sin(angles)]) * rng.uniform(60, 120, (24, 1)) + 200)
        for _ in range(15)
    ]
    return [at(shape) for shape in boxes + rounds]


@pytest.mark.parametrize("parcel", outlines())
def test_a_parcel_on_its_own_outline_rounded_to_seven_decimals_is_covered_and_the_rest_is_told(parcel) -> None:
    rounded = shapely.transform(lon_lat(parcel, CRS), lambda points: np.round(points, 7))
    scope = project(rounded, LON_LAT, CRS)
    left_m2 = parcel.difference(scope).area
    assert 0 < left_m2 < 2 * ROUNDING_M * parcel.length
    world = ready_world().with_parcel(geometry=parcel)
    world = world.changed_rows("assessment_scopes", {"code": "EIA"}, geometry=scope, zone_version=None)
    world = world.only_rows("urban_boundary", {"id": "U", "geometry": scope})
    body = world.record()
    for code, outcome in (("EIA", "covered"), ("URBAN", "clear")):
        entry = found(body, code)
        assert entry["outcome"] == outcome, code
        assert entry["coverage"]["noise_m2"] == pytest.approx(left_m2, abs=0.01), code


def test_a_parcel_beyond_what_rounding_leaves_is_not_covered() -> None:
    parcel = at(shapely.box(100, 100, 300, 300))
    world = ready_world().with_parcel(geometry=parcel)
    world = world.changed_rows(
        "assessment_scopes", {"code": "EIA"}, geometry=box(100, 100, 299, 300), zone_version=None
    )
    assert found(world.record(), "EIA")["outcome"] == "partly_covered"
