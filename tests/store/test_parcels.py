"""A parcel carries what its layer, the register and its import report know of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from geo_service.errors import NotFound
from geo_service.model.parcel import Repair
from geo_service.model.register import ParcelFacts
from geo_service.store.parcels import parcel, parcels
from geo_service.store.workspace import Workspace

from .test_register import CLAIM, FACTS, INTENSITY

BOW_TIE = Repair("self_crossing", "自相交已修复", "a self-crossing was mended", row=2, id="P1", geometry_changed=True)
SWAPPED = Repair("axes_swapped", "X、Y颠倒", "x and y were swapped", id="P1")


@pytest.fixture
def filled(workspace, make_features, make_report):
    features = make_features(
        name=("示例地块二", "示例地块一"),
        zone=("Z1", "Z1"),
        land_use=("100102", None),
        land_use_system=("landsea_2023", None),
        project_type=("涂料", None),
        registered_area_m2=(10000.0, 9999.5),
        planned_notice_on=(None, date(2026, 11, 1)),
    )
    workspace.publish(features, make_report(repairs=(BOW_TIE, SWAPPED)))
    workspace.register.put([CLAIM], [FACTS], [INTENSITY])
    return workspace


def test_parcels_come_by_id_with_all_that_is_known(filled):
    first, second = parcels(Workspace.open(filled.directory)).values()
    assert (first.id, second.id) == ("P1", "P2")
    assert (first.name, first.zone, first.crs) == ("示例地块一", "Z1", "EPSG:4547")
    assert first.claims == (CLAIM,)
    assert first.indicators == (INTENSITY,)
    assert first.demands == FACTS.demands
    assert first.planned_notice_on == date(2026, 12, 1)
    assert first.registered_area_m2 == 204366.64
    assert (second.land_use, second.land_use_system, second.project_type) == ("100102", "landsea_2023", "涂料")
    assert second.geometry.area == pytest.approx(10000)
    assert second.claims == second.indicators == ()


def test_a_mended_outline_is_remembered(filled):
    again = Workspace.open(filled.directory)
    assert parcel(again, "P1").repairs == (BOW_TIE, SWAPPED)
    assert parcel(again, "P2").repairs == ()
    assert next(iter(parcels(again).values())).repairs == (BOW_TIE, SWAPPED)


def test_a_mended_outline_makes_another_edition_and_other_remarks_do_not(workspace, make_features, make_report):
    names = [
        workspace.publish(make_features(), make_report(repairs=repairs)).name
        for repairs in ((), (BOW_TIE,), (SWAPPED,))
    ]
    assert names[0] == names[2] != names[1]
    assert parcel(workspace, "P1").repairs == ()


def test_a_mended_outline_of_nobody_is_not_stored_in_silence(workspace, make_features, make_report):
    with pytest.raises(ValueError, match="names no feature"):
        workspace.publish(make_features(), make_report(repairs=(replace(BOW_TIE, id=None),)))
    assert workspace.editions() == ()


def test_one_parcel_equals_the_same_among_all(filled):
    for each in parcels(filled).values():
        alone = parcel(filled, each.id)
        assert alone.geometry.equals_exact(each.geometry, 0)
        for name in ("name", "claims", "indicators", "demands", "repairs", "planned_notice_on", "zone"):
            assert getattr(alone, name) == getattr(each, name)


def test_replay_reads_the_parcel_as_it_was(filled, make_features, make_report):
    old = filled.layer_set()
    filled.publish(make_features(ids=("P1", "P3")), make_report())
    assert list(parcels(filled)) == ["P1", "P3"]
    assert parcel(filled, "P1").repairs == ()
    assert list(parcels(filled, old)) == ["P1", "P2"]
    assert parcel(filled, "P1", old).repairs == (BOW_TIE, SWAPPED)


@pytest.mark.parametrize("id_", ["P9", "", "../P1", "p1"])
def test_an_unknown_parcel_is_not_found(filled, id_):
    with pytest.raises(NotFound, match="import the parcels layer"):
        parcel(filled, id_)


def test_without_a_parcels_layer_there_are_none(workspace):
    workspace.register.put(facts=[ParcelFacts("P1")])
    assert not parcels(workspace)
    with pytest.raises(NotFound):
        parcel(workspace, "P1")
