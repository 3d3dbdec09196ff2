"""Pictures of a basemap under the map of a sheet, each brought to its place on paper."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
from markupsafe import Markup

from geo_service.maps.sheet.paper import Frame
from geo_service.projection import LON_LAT, off_square, on_square, transformer

#: 150 dots an inch; a printer shows no more of a picture.
_DOT_MM = 25.4 / 150
_PIXELS = 256
#: So many pictures cover the largest sheet at that fineness; a coarser zoom is taken where it would be more.
MOST_PICTURES = 400
# A little over the edge, so that no white line is left between two pictures.
_OVER = 1.004


def ground(frame: Frame, crs: str, basemap: Mapping[str, Any]) -> Markup:
    """Place the pictures of a basemap.

    Within one picture the two projections differ by less than a printer shows, so each is moved as a whole.

    Parameters
    ----------
    frame : Frame
        In metres of ``crs``.
    basemap : mapping
        As the API describes it: where its pictures are, and which zooms there are.
    """
    west, south, east, north = frame.ground
    around = shapely.segmentize(shapely.box(west, south, east, north), max(east - west, north - south) / 16)
    degrees = np.column_stack(transformer(crs, LON_LAT).transform(*shapely.get_coordinates(around).T))
    seen = on_square(degrees)
    low, high = seen.min(axis=0), seen.max(axis=0)
    wanted = _zoom(frame, high[0] - low[0])
    zoom = min(max(wanted, basemap["least_zoom"]), basemap["most_zoom"])
    while (
        zoom > basemap["least_zoom"] and np.prod(np.floor(high * 2**zoom) - np.floor(low * 2**zoom) + 1) > MOST_PICTURES
    ):
        zoom -= 1
    first, last = np.floor(low * 2**zoom).astype(int), np.floor(high * 2**zoom).astype(int)
    if np.prod(last - first + 1) > MOST_PICTURES:
        return Markup("")
    columns, rows = (
        axis.ravel() for axis in np.meshgrid(*(np.arange(a, b + 1) for a, b in zip(first, last, strict=True)))
    )
    corners = np.concatenate([np.column_stack([columns + dx, rows + dy]) for dx, dy in ((0, 0), (1, 0), (0, 1))])
    back = transformer(LON_LAT, crs)
    metres = np.column_stack(back.transform(*off_square(corners / 2**zoom).T))
    placed = ((metres - (west, north)) * (1, -1) / frame.m_per_mm).reshape(3, -1, 2)
    pictures = []
    for column, row, (start, right, down) in zip(
        columns.tolist(), rows.tolist(), placed.transpose(1, 0, 2), strict=True
    ):
        across, along = right - start, down - start
        matrix = " ".join(f"{value:.6g}" for value in (*across, *along, *start))
        address = basemap["tiles"].format(z=zoom, y=row, x=column)
        pictures.append(
            Markup(
                '<image href="{}" width="{}" height="{}" preserveAspectRatio="none" transform="matrix({})"/>'
            ).format(address, _OVER, _OVER, matrix)
        )
    return Markup('<g class="ground">{}</g>').format(Markup("").join(pictures))


def _zoom(frame: Frame, wide: float) -> int:
    """Return the zoom whose pixels are as fine as a printer's dots; ``wide`` is the part of the square across."""
    pixels = frame.width_mm / _DOT_MM
    return math.ceil(math.log2(pixels / (_PIXELS * wide)))
