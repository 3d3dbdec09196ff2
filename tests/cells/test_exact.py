"""Every row of the engine against rational arithmetic, on every awkward kind of parcel and layer."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from tests.cells import exact
from tests.cells.asking import deviations, measured
from tests.cells.families import FAMILIES, ORIGIN, Case, cases
from tests.conftest import LAWS

#: As many pairs as a law has examples: 60, and 2,000 in CI.
PAIRS = LAWS.max_examples // len(FAMILIES) + 1


@pytest.mark.parametrize("family", FAMILIES)
def test_every_row_is_that_of_rational_arithmetic(family):
    pairs, seed, wrong = 0, 0, []
    while pairs < PAIRS:
        case = cases(family, seed)
        wrong += [(seed, row) for row in deviations(case) if not row.is_within]
        pairs, seed = pairs + len(case.parcels), seed + 1

    assert wrong == []


def test_the_families_have_what_they_are_named_for():
    prefixed = cases("zone_prefixed", 0)
    assert 38_000_000 < prefixed.parcels[0].bounds[0] < 39_000_000
    borders = cases("on_cell_borders", 1)
    assert all((shapely.get_coordinates(feature) % (borders.cell_m / 2) == 0).all() for feature in borders.features)
    assert any(shapely.get_num_interior_rings(shape) for shape in cases("holes_on_holes", 0).features)
    leaning = [np.abs(np.diff(np.asarray(s.exterior.coords), axis=0)).min(axis=1)
               for seed in range(5) for s in cases("near_vertical", seed).features]  # fmt: skip
    assert (np.concatenate(leaning) < 1e-3).any()
    assert any(extent.interiors for seed in range(9) for extent in cases("surveyed", seed).surveyed or ())


def ring(*points: tuple[float, float]) -> list[tuple[float, float]]:
    return [*points, points[0]]


def test_the_sweep_counts_holes_overlaps_and_what_lies_outside():
    parcel = [ring((0, 0), (4, 0), (4, 4), (0, 4)), ring((1, 1), (2, 1), (2, 2), (1, 2))]
    triangle = [ring((0, 0), (4, 0), (0, 4))]
    beside = [ring((3, 3), (9, 3), (9, 9), (3, 9))]
    found = exact.areas(
        parcel,
        [triangle, beside],
        {
            "parcel": lambda inside: True,
            "either": lambda inside: inside != 0,
            "both": lambda inside: inside == 3,
            "neither": lambda inside: inside == 0,
        },
    )

    assert found == {"parcel": 15.0, "either": 8.0, "both": 0.0, "neither": 7.0}


def test_the_sweep_is_exact_where_doubles_are_not():
    # Both coordinates of the crossing are thirds; the apex above it is a ninth of the triangle, at 38 million too.
    for east in (0.0, 38_414_000.0):
        triangle = [ring((east, 0.0), (east + 6.0, 0.0), (east + 1.0, 3.0))]
        above = [ring((east - 9.0, 2.0), (east + 9.0, 2.0), (east + 9.0, 9.0), (east - 9.0, 9.0))]
        found = exact.areas(triangle, [above], {"above": bool})

        assert found["above"] == 1.0


@pytest.mark.parametrize(("width_m", "is_row"), [(5e-3, True), (2e-3, True), (2e-4, False)])
@pytest.mark.parametrize("cell_m", [1.0, 512.0])
def test_ground_of_some_square_millimetres_is_a_row(width_m, is_row, cell_m) -> None:
    corner = shapely.box(*(ORIGIN + 10 - width_m), *(ORIGIN + 20))
    (table,) = measured(Case([shapely.box(*ORIGIN, *(ORIGIN + 10))], [corner], ["a"], cell_m=cell_m))
    assert table == pytest.approx({"parcel": 100.0} | ({"a": width_m**2, "*": width_m**2} if is_row else {}), abs=1e-9)
