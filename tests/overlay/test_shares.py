"""Where the prepared cells say that a feature has all of a parcel or nothing of it, cutting says the same."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from geo_service import overlay
from geo_service.cells import prepare
from geo_service.rings import from_wkb

X, Y = 38_400_000.0, 4_000_000.0


@given(
    st.lists(st.tuples(*[st.integers(-1500, 1500)] * 2, *[st.integers(1, 2600)] * 2), min_size=1, max_size=5),
    st.tuples(*[st.integers(-700, 700)] * 2, *[st.integers(1, 900)] * 2),
    st.integers(0, 89),
)
def test_what_is_known_without_cutting_is_what_cutting_finds(squares, plot, turn):
    shapes = [shapely.affinity.rotate(box(x, y, x + w, y + h), turn, origin=(0, 0)) for x, y, w, h in squares]
    geometries = shapely.transform(np.array(shapes, dtype=object), lambda xy: xy + np.array([X, Y]))
    parcel = box(X + plot[0], Y + plot[1], X + plot[0] + plot[2], Y + plot[1] + plot[3])
    ids = [f"F{row}" for row in range(len(shapes))]
    layer = prepare(from_wkb(list(shapely.to_wkb(geometries))), ["a"] * len(ids))
    there, everywhere = layer.features_in(*parcel.bounds)
    shares = [True if row in everywhere else None if row in there else False for row in range(len(ids))]

    noise = overlay.NoiseRule(0.1, 0.05, 1.0, hard=False, sensitivity=2.0)
    asked = (parcel, geometries, ids, range(len(ids)), ["a"] * len(ids), {"a"}, None, noise)
    plain, quick = overlay.coverage(*asked), overlay.coverage(*asked, shares)
    assert quick.covered_m2 == pytest.approx(plain.covered_m2, abs=1e-6)
    assert quick.uncovered_m2 == pytest.approx(plain.uncovered_m2, abs=1e-6)
    assert [
        [(feature.id, pytest.approx(feature.area_m2, abs=1e-6), feature.counts) for feature in area.features]
        for area in plain.classes
    ] == [[(feature.id, feature.area_m2, feature.counts) for feature in area.features] for area in quick.classes]
