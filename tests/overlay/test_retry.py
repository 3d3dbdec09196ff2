"""What GEOS cannot cut is tried once more on a grid of 0.1 mm, and after that it is not known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapely
from shapely import GEOSException

from geo_service.errors import MeasureFailed
from geo_service.overlay import NoiseRule, coverage
from geo_service.overlay.coverage import RETRY_GRID_M
from tests.world import PARCEL, box, entries, found, ready_world

SOFT = NoiseRule(0.1, 0.05, 1.0, hard=False, sensitivity=2.0)
# By more than the grid may move an area: see B3 of the error budget, 6.5e-3 m² for a parcel.
MOST_M2 = 6.5e-3


def refusing(name: str, monkeypatch: pytest.MonkeyPatch, *, refused: Callable[..., bool]) -> list[float | None]:
    """Let an operation of the library fail where it is refused; returns the grids on which it was asked."""
    real, asked = getattr(shapely, name), []

    def operation(*given: Any, grid_size: float | None = None, **more: Any) -> Any:
        asked.append(grid_size)
        if refused(*given, grid_size):
            raise GEOSException("TopologyException: injected")
        return real(*given, grid_size=grid_size, **more)

    monkeypatch.setattr(shapely, name, operation)
    return asked


@pytest.mark.parametrize("name", ["intersection", "difference", "union_all"])
def test_a_second_try_on_the_grid_moves_the_area_by_no_more_than_it_may(name, monkeypatch):
    parcel = shapely.Polygon([(0, 0), (100.03, 7.77), (93.1, 80.9), (3.3, 71.7)])
    others = np.array([shapely.box(-10, 20.00007, 60.00003, 90), shapely.box(50, 10, 120, 60.00001)])
    given = (parcel, others, "ab", [0, 1], ["x", "x"], {"x"}, None, SOFT)
    before = coverage(*given)
    asked = refusing(name, monkeypatch, refused=lambda *given: given[-1] is None)
    after = coverage(*given)
    assert set(asked) == {None, RETRY_GRID_M}
    for which in ("covered_m2", "uncovered_m2"):
        assert getattr(after, which) == pytest.approx(getattr(before, which), abs=MOST_M2)
    refusing(name, monkeypatch, refused=lambda *given: True)
    with pytest.raises(MeasureFailed, match="injected"):
        coverage(*given)


def test_one_pair_that_cannot_be_cut_is_not_known_and_every_other_answer_stays(monkeypatch):
    west, south, east, north = PARCEL
    odd = box(west, south, (west + east) / 2, north)
    told = ready_world().with_rows("heritage", {"geometry": odd, "id": "odd", "class": "protection"})
    before = told.record()
    assert found(before, "HERITAGE")["outcome"] == "affected"

    def is_odd(left: Any, right: Any, grid_size: float | None) -> bool:
        return any(isinstance(one, shapely.Polygon) and one.equals(odd) for one in (left, right))

    asked = refusing("intersection", monkeypatch, refused=is_odd)
    after = told.record()
    assert RETRY_GRID_M in asked
    entry = found(after, "HERITAGE")
    assert (entry["outcome"], entry["reason"]) == ("no_data", "failed")
    own = [one for one in entries(before) if one["code"] != "HERITAGE"]
    assert [one for one in entries(after) if one["code"] != "HERITAGE"] == own
