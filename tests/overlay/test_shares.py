"""What is known of a parcel and its features before any is cut is what cutting finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from geo_service import overlay
from geo_service.cells import prepare
from geo_service.model.evidence import Coverage
from geo_service.overlay.noise import thick_m
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


SHAPES = st.lists(
    st.tuples(*[st.integers(-60, 60)] * 2, *[st.integers(1, 120)] * 2, st.sampled_from([0, 17, 45])),
    min_size=1,
    max_size=5,
)


def said(found: Coverage) -> tuple[object, ...]:
    """All of a coverage, geometries by their bytes."""
    return (
        found.covered_m2, found.uncovered_m2, found.unsurveyed_m2, found.covered, found.uncovered, found.unsurveyed,
        found.uncovered_geometry.wkb,
        [(area.cls, area.area_m2, area.bands, area.features, area.geometry.wkb) for area in found.classes],
    )  # fmt: skip


@given(SHAPES, st.tuples(*[st.integers(-40, 40)] * 2, *[st.integers(1, 60)] * 2), st.booleans())
def test_prepared_features_and_a_parcel_laid_under_several_layers_give_the_same_bytes(squares, plot, is_two) -> None:
    shapes = [shapely.affinity.rotate(box(x, y, x + w, y + h), turn) for x, y, w, h, turn in squares]
    geometries = shapely.transform(np.array(shapes, dtype=object), lambda xy: xy + np.array([X, Y]))
    one = box(X + plot[0], Y + plot[1], X + plot[0] + plot[2], Y + plot[1] + plot[3])
    parcel = shapely.union(one, shapely.transform(one, lambda xy: xy + np.array([80.0, 5.0]))) if is_two else one
    noise = overlay.NoiseRule(0.1, 0.05, 1.0, hard=False, sensitivity=2.0)
    names = [f"F{row}" for row in range(len(shapes))]
    plain = [
        overlay.coverage(parcel, geometries, names, range(len(names)), classes, {"a"}, geometries[0], noise)
        for classes in (["a"] * len(names), ["ab"[row % 2] for row in range(len(names))])
    ]
    shapely.prepare(geometries)
    uncut = overlay.Uncut(parcel)
    # Ground that is held by where a layer was surveyed has been surveyed.
    surveyed = None if overlay.holds(geometries[0], parcel) else geometries[0]
    quick = [
        overlay.coverage(parcel, geometries, names, range(len(names)), classes, {"a"}, surveyed, noise, (), uncut)
        for classes in (["a"] * len(names), ["ab"[row % 2] for row in range(len(names))])
    ]
    assert [said(one) for one in quick] == [said(one) for one in plain]


@given(st.floats(1e-3, 50.0), st.floats(0.5, 200.0), st.integers(0, 3), st.floats(0.01, 0.999))
def test_ground_that_is_surely_wide_holds_a_disc_of_every_smaller_width(width, length, holes, part) -> None:
    piece = box(X, Y, X + length, Y + width)
    for place in range(holes):
        x = X + length * (place + 0.3) / holes
        piece = piece.difference(box(x, Y + width * 0.2, x + length * 0.4 / holes, Y + width * 0.8))
    wide_m = thick_m(piece)
    assert wide_m > 0.0
    assert not shapely.is_empty(shapely.buffer(piece, -wide_m * part / 2))


LAID = [((), ()), ((0,), ("a",)), ((0,), ()), ((0, 1), ("a",))]


@given(
    SHAPES,
    st.tuples(*[st.integers(-40, 40)] * 2, *[st.integers(1, 60)] * 2),
    st.sampled_from([0.1, 0.5, 30.0]),
    st.sampled_from(LAID),
    st.booleans(),
)
def test_layers_of_which_nothing_or_all_is_on_a_parcel_share_what_was_found(
    squares, plot, width_m, laid, is_surveyed
) -> None:
    shapes = [shapely.affinity.rotate(box(x, y, x + w, y + h), turn) for x, y, w, h, turn in squares]
    parcel = box(plot[0], plot[1], plot[0] + plot[2], plot[1] + plot[3])
    there = (parcel.buffer(5.0), shapes[0])
    noise = overlay.NoiseRule(width_m, 0.05, 1.0, hard=False, sensitivity=2.0)
    shapely.prepare(there)
    chosen, covering = [there[row] for row in laid[0]], laid[1]
    asked = ("FG", laid[0], ["a", "b"][: len(chosen)], covering, shapes[0] if is_surveyed else None, noise)
    plain = overlay.coverage(parcel, [shapely.from_wkb(shape.wkb) for shape in chosen], *asked)
    uncut = overlay.Uncut(parcel)
    for _ in range(2):
        assert said(overlay.coverage(parcel, chosen, *asked, (), uncut)) == said(plain)


def test_a_parcel_of_many_parts_is_laid_together_once_however_many_layers_cover_it(monkeypatch) -> None:
    parcel = shapely.multipolygons([box(X + 20 * part, Y, X + 20 * part + 10, Y + 10) for part in range(20)])
    layers = [np.array([box(X - 50 - number, Y - 50, X + 500, Y + 100)]) for number in range(10)]
    noise = overlay.NoiseRule(0.1, 0.05, 1.0, hard=False, sensitivity=2.0)
    asked = (["F"], [0], ["a"], {"a"}, None, noise)
    plain = [said(overlay.coverage(parcel, layer, *asked)) for layer in layers]
    calls: Counter[str] = Counter()

    def count(name: str, operation: Callable[..., BaseGeometry]) -> None:
        def counted(*given: BaseGeometry) -> BaseGeometry:
            calls[name] += 1
            return operation(*given)

        monkeypatch.setattr(shapely, name, counted)

    for name in ("difference", "intersection", "union_all"):
        count(name, getattr(shapely, name))
    uncut = overlay.Uncut(parcel)
    shapely.prepare(layers)
    assert [said(overlay.coverage(parcel, layer, *asked, (), uncut)) for layer in layers] == plain
    assert calls == {"difference": 2, "union_all": 2}
