"""Rectilinear ground on whole metres: its areas are whole numbers, exactly those that counting squares gives."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geo_service.cells import areas, prepare
from tests.cells.asking import shapes, tables

SIDE = 6
masks = arrays(np.bool_, (SIDE, SIDE))
corners = st.sampled_from([(0, 0), (413_998, 4_012_999), (38_413_996, 4_013_001), (-5, -3)])


def ground(mask: np.ndarray, corner: tuple[int, int]):
    """Draw the squares of a mask as one polygon, with holes and parts that touch in corners."""
    rows, columns = np.nonzero(mask)
    x, y = columns + corner[0], rows + corner[1]
    united = shapely.union_all(shapely.box(x, y, x + 1, y + 1))
    return shapely.MultiPolygon() if united.is_empty else united


def counted(parcel: np.ndarray, features: list[np.ndarray], classes: list[str | None], extent: np.ndarray | None):
    whole = np.any(features, axis=0) & parcel if features else np.zeros_like(parcel)
    rows = {"parcel": parcel, "*": whole}
    for cls in {cls for cls in classes if cls is not None}:
        rows[cls] = parcel & np.any([mask for mask, own in zip(features, classes, strict=True) if own == cls], axis=0)
    if extent is not None:
        rows["known"] = whole | (parcel & extent)
    return {name: float(mask.sum()) for name, mask in rows.items() if mask.any()}


@given(
    st.lists(masks, min_size=1, max_size=2),
    st.lists(st.tuples(masks, st.sampled_from(["a", "b", None])), max_size=3),
    st.none() | masks,
    corners,
    st.sampled_from([1.0, 2.0, 4.0, 16.0]),
)
def test_areas_are_the_squares_counted(parcels, features, extent, corner, cell_m) -> None:
    classes = [cls for _, cls in features]
    drawn = [mask for mask, _ in features]
    asked = [mask for mask in parcels if mask.any()]
    layer = prepare(
        shapes([ground(mask, corner) for mask in drawn]),
        classes,
        surveyed=None if extent is None else shapes([ground(extent, corner)]),
        cell_m=cell_m,
        threads=1,
    )

    found = tables(areas(shapes([ground(mask, corner) for mask in asked]), [layer], threads=1), layer)

    assert found == [counted(mask, drawn, classes, extent) for mask in asked]
