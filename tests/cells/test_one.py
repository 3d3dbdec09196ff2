"""One parcel while the officer waits: the same bits as among a million, and the same refusals."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_service.cells import Asker, Stack, areas
from geo_service.rings import BrokenShape, from_wkb
from tests.cells.asking import layer_of, shapes
from tests.cells.drawing import layers
from tests.cells.families import FAMILIES, ORIGIN, Case, cases, star
from tests.cells.test_broken import BROKEN, FINE, UNREADABLE

Answer = tuple[float, list[tuple[int, int, float]]]


def asked(stack: Stack, asker: Asker, wkb: bytes) -> Answer:
    parcel_m2, keys, areas_m2 = asker.areas(wkb)
    rows = zip(stack.layer_of[keys].tolist(), stack.class_of[keys].tolist(), areas_m2.tolist(), strict=True)
    return parcel_m2, list(rows)


def among_others(case: Case, stack: Stack) -> list[Answer]:
    found = areas(shapes(case.parcels), stack.layers)
    rows: list[list[tuple[int, int, float]]] = [[] for _ in case.parcels]
    for parcel, layer, cls, area_m2 in zip(found.parcel, found.layer, found.cls, found.area_m2, strict=True):
        rows[parcel].append((int(layer), int(cls), float(area_m2)))
    return list(zip(found.parcel_m2.tolist(), rows, strict=True))


@pytest.mark.parametrize("family", FAMILIES)
def test_one_parcel_is_measured_with_the_bits_of_many(family):
    for seed in range(6):
        case = cases(family, seed)
        stack = Stack([layer_of(case), layer_of(case)])
        asker = stack.asker()

        assert [asked(stack, asker, parcel.wkb) for parcel in case.parcels] == among_others(case, stack)


@given(layers(), st.randoms(use_true_random=False))
def test_what_was_asked_before_changes_nothing(case, random) -> None:
    stack = Stack([layer_of(case)])
    asker = stack.asker()
    first = [asked(stack, asker, parcel.wkb) for parcel in case.parcels]
    for _ in range(4):
        index = random.randrange(len(case.parcels))
        if random.random() < 0.5:
            with pytest.raises(BrokenShape):
                asker.areas(random.choice([*BROKEN.values(), *UNREADABLE.values()]))

        assert asked(stack, asker, case.parcels[index].wkb) == first[index]


@pytest.mark.parametrize("name", [*BROKEN, *UNREADABLE])
def test_a_broken_parcel_is_refused_as_among_many(name):
    wkb = {**BROKEN, **UNREADABLE}[name]
    stack = Stack([layer_of(Case([], [shapely.from_wkb(FINE)], ["a"]))])
    asker = stack.asker()

    with pytest.raises(BrokenShape) as refused:
        asker.areas(wkb)
    with pytest.raises(BrokenShape) as among:
        areas(from_wkb([wkb]), stack.layers)

    assert refused.value.index == among.value.index
    assert refused.value.why == among.value.why or name == "a line"
    assert asked(stack, asker, FINE) == (100.0, [(0, 0, 100.0), (0, -1, 100.0)])


def test_large_parcels_and_parcels_of_many_rings_are_measured_too():
    rng = np.random.default_rng(11)
    case = cases("stars", 2)
    many = shapely.union_all([shapely.box(x, y, x + 1, y + 1) for x in range(0, 80, 2) for y in range(0, 80, 2)])
    many = shapely.transform(many, lambda xy: xy + ORIGIN)
    holed = shapely.difference(shapely.box(*(ORIGIN - 5), *(ORIGIN + 85)), many)
    parcels = [star(rng, ORIGIN, 90.0, 4_000), many, holed, star(rng, ORIGIN, 90.0, 5), star(rng, ORIGIN, 90.0, 9_000)]
    stack = Stack([layer_of(case)])
    asker = stack.asker()

    assert [asked(stack, asker, parcel.wkb) for parcel in parcels] == among_others(
        Case(parcels, case.features, case.classes), stack
    )


def test_a_shape_without_vertices_has_no_ground():
    stack = Stack([layer_of(cases("stars", 1))])

    for empty in (shapely.Polygon(), shapely.MultiPolygon()):
        assert asked(stack, stack.asker(), empty.wkb) == (0.0, [])
