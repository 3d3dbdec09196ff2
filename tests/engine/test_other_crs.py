"""A parcel or a layer delivered in another CRS is judged as where it lies, not as where its numbers would lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from geo_service.model.enums import Status
from geo_service.model.layer import Edition
from geo_service.projection import LON_LAT, project
from tests.world import CRS, PARCEL, box, found, ready_world

FARMLAND = {"geometry": box(0, 0, 150, 400), "class": "farmland"}
# With a zone prefix, of the neighbouring zone, in degrees.
OTHERS = ("EPSG:4526", "EPSG:4546", LON_LAT)


def delivered(edition: Edition, crs: str) -> Edition:
    """The same features in another CRS."""
    geometries = np.empty(len(edition.data), dtype=object)
    geometries[:] = [project(geometry, CRS, crs) for geometry in edition.data.geometries]
    return replace(edition, data=replace(edition.data, geometries=geometries, crs=crs))


@pytest.mark.parametrize("crs", OTHERS)
def test_a_parcel_in_another_crs_is_found_and_measured_where_it_lies(crs) -> None:
    world = ready_world().with_rows("farmland", FARMLAND)
    here = world.verdict()
    moved = world.with_parcel(geometry=project(box(*PARCEL), CRS, crs), crs=crs).verdict()

    assert moved.crs == CRS
    assert moved.area_m2 == pytest.approx(40_000.0, abs=0.01)
    assert moved.decision.status is here.decision.status is Status.NOT_READY
    assert [reason.code for reason in moved.decision.reasons] == [reason.code for reason in here.decision.reasons]


@pytest.mark.parametrize("crs", OTHERS)
def test_a_layer_in_another_crs_is_met_where_it_lies(crs) -> None:
    world = ready_world().with_rows("farmland", FARMLAND)
    entry = found(world.with_edition(delivered(world.editions["farmland"], crs)).record(), "FARM")

    assert entry["outcome"] == "affected"
    assert sum(part["area_m2"] for part in entry["parts"]) == pytest.approx(10_000.0, abs=0.1)
