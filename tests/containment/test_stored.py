"""Stored parcels are measured where the service answers: what would keep it busy is left unmeasured, and said."""

from __future__ import annotations

from tests import world
from tests.checking.combs import comb
from tests.world import found


def test_a_stored_comb_on_a_stored_comb_is_left_unmeasured_and_all_else_is_answered():
    parcel = world.ready_world().with_parcel(geometry=comb(upright=True))
    calm = parcel.record()
    crowded = parcel.with_rows("farmland", {"id": "comb", "geometry": comb(upright=False)}).record()
    entry = found(crowded, "FARM")
    assert (entry["outcome"], entry["reason"]) == ("no_data", "failed")
    assert crowded["verdict"]["status"] == "undetermined"
    others = [code for code in (one["code"] for one in world.entries(calm)) if code not in ("FARM", "LANDUSE")]
    assert [found(crowded, code)["outcome"] for code in others] == [found(calm, code)["outcome"] for code in others]


def test_as_many_edges_that_do_not_cross_are_measured():
    parcel = world.ready_world().with_parcel(geometry=comb(upright=True))
    apart = parcel.with_rows("farmland", {"id": "comb", "geometry": comb(upright=True)}).record()
    assert found(apart, "FARM")["outcome"] == "affected"
