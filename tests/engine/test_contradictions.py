"""Data that contradict each other, are malformed, or cannot be measured never become a pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
import shapely

from geo_service.errors import CrsMismatch
from geo_service.model.layer import Features
from tests.world import FAR, World, box, claim, entries, found, grid, ready_world


def zone_elsewhere() -> World:
    """A second zone with the same entry standard, far from the parcel."""
    return ready_world().with_rows(
        "zones",
        {
            "id": "Y-V1",
            "zone": "Y",
            "geometry": box(5000, 5000, 6000, 6000),
            "version_status": "approved",
            "readiness_standard": "santong_yiping",
            "indicators": "fixed_investment_intensity=300 万元/亩",
        },
    )


def test_a_parcel_that_names_another_zone_than_the_one_it_lies_in_is_outside_its_zone() -> None:
    body = zone_elsewhere().with_parcel(zone="Y").record()
    assert body["parcel"]["zone"] == "Y"
    assert found(body, "ZONE")["outcome"] == "affected"
    assert body["verdict"]["status"] == "not_ready"


def test_a_zone_that_does_not_exist_frees_from_no_entry_standard() -> None:
    body = ready_world().with_parcel(zone="NOPE", indicators=()).record()
    assert body["parcel"]["zone"] == "Z"
    assert found(body, "fixed_investment_intensity")["severity"] == "blocking"
    assert body["verdict"]["status"] == "not_ready"


def test_platforms_given_twice_do_not_stand_for_ground_that_nobody_designed() -> None:
    world = ready_world().with_rows(
        "platforms",
        {"geometry": box(0, 0, 225, 400), "design_elevation_m": 912.0},
        {"geometry": box(0, 0, 224, 400), "design_elevation_m": 912.0},
    )
    level = found(world.record(), "LEVEL")
    assert (level["outcome"], level["reason"]) == ("unknown", "partly_surveyed")
    assert level["nodata_share"] == pytest.approx(0.37, abs=0.02)


def test_a_platform_of_the_neighbour_that_overlaps_by_a_millimetre_is_not_the_parcels() -> None:
    platform = {"geometry": box(299.999, 0, 500, 400), "design_elevation_m": 950.0}
    level = found(ready_world().with_rows("platforms", platform).record(), "LEVEL")
    assert (level["outcome"], level["design"]) == ("met", "raster")


def test_a_survey_older_than_the_ground_data_does_not_stand_in_for_a_measurement_that_failed() -> None:
    world = ready_world().with_edition(grid("design_elevation", np.full((10, 10), 912.0), west=0, north=400))
    old = world.with_claims(claim("LEVEL", dated_on=date(2026, 1, 1)), instead_of="LEVEL").record()
    assert (found(old, "LEVEL")["outcome"], found(old, "LEVEL")["reason"]) == ("unknown", "failed")
    assert old["verdict"]["status"] == "undetermined"


def test_a_raster_too_coarse_to_have_a_slope_does_not_make_ground_level() -> None:
    coarse = np.full((1, 1), 912.0)
    world = ready_world()
    for layer in ("ground_elevation", "design_elevation"):
        world = world.with_edition(grid(layer, coarse, west=0, north=400, cell_m=400.0))
    assert found(world.record(), "LEVEL")["outcome"] == "unknown"


@pytest.mark.parametrize("spare", [float("nan"), None])
def test_a_capacity_that_is_no_number_is_not_enough(spare: float | None) -> None:
    world = ready_world().with_parcel(demands=(("POWER", 5000.0),))
    entry = found(world.changed_rows("power", {"id": "p1"}, spare_kva=spare).record(), "POWER")
    assert (entry["outcome"], entry["reason"]) == ("unknown", "attribute_missing")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_indicator_that_is_no_number_is_not_set(value: float) -> None:
    world = ready_world()
    body = world.with_parcel(indicators=(replace(world.parcel.indicators[0], value=value),)).record()
    assert found(body, "fixed_investment_intensity")["outcome"] == "missing"


def test_present_use_is_read_where_nobody_looked_for_an_approval() -> None:
    world = (
        ready_world()
        .only_rows("land_approvals", extent=box(0, 0, 50, 50))
        .only_rows("present_use", {"geometry": box(*FAR), "code": "0103", "code_system": "survey3"})
    )
    body = world.record()
    assert found(body, "LANDAPPROVAL")["outcome"] == "no_data"
    assert found(body, "LANDUSE")["outcome"] == "affected"


def test_data_of_unknown_date_are_stale_where_data_age() -> None:
    world = ready_world()
    edition = world.editions["ore"]
    assert isinstance(edition.data, Features)
    undated = replace(edition, data=replace(edition.data, origin=replace(edition.data.origin, edition_date=None)))
    entry = found(world.with_edition(undated).record(), "ORE")
    assert (entry["outcome"], entry["reason"]) == ("no_data", "stale")


def test_a_layer_without_place_in_the_working_crs_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from geo_service.engine import ground

    bring = ground.in_crs

    def broken(features: Features, crs: str) -> Features:
        if features.spec.id == "ore":
            raise CrsMismatch("injected")
        return bring(features, crs)

    monkeypatch.setattr(ground, "in_crs", broken)
    body = ready_world().record()
    assert (found(body, "ORE")["outcome"], found(body, "ORE")["reason"]) == ("no_data", "failed")
    assert {entry["code"] for entry in entries(body) if entry.get("reason") == "failed"} == {"ORE"}


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("nearest", {"WATER", "POWER", "ROAD"}),
        ("levels", {"LEVEL"}),
        ("Uncut.shared_m2", {"ZONE", "EIA"}),
        ("coverage", {"EIA", "ZONE", "FARM", "PLAN", "LANDUSE"}),
    ],
)
def test_whatever_raises_while_measuring_is_failed(name: str, codes: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from geo_service.errors import MeasureFailed

    def broken(*_: Any, **__: Any) -> Any:
        raise MeasureFailed("injected") if name == "Uncut.shared_m2" else shapely.GEOSException("injected")

    monkeypatch.setattr(f"geo_service.overlay.{name}", broken)
    world = ready_world()
    # Without a claim the network has to speak; an older survey cannot stand in for the ground.
    bare = world.with_parcel(claims=(claim("LEVEL", dated_on=date(2026, 1, 1)),))
    body = bare.record()
    assert body["verdict"]["status"] in ("undetermined", "not_ready")
    for code in codes:
        assert found(body, code)["outcome"] in ("no_data", "unknown"), code
        assert found(body, code)["reason"] == "failed", code
