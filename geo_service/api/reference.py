"""Coordinate reference systems as OGC API – Features part 2 names them: by URI, axes in the authority's order."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo_service.export.geojson import LON_LAT_DECIMALS, rounded_geometry
from geo_service.model.rulebook import Jurisdiction
from geo_service.projection import LON_LAT, codes, crs_of, transformer

#: A tenth of a millimetre.
METRE_DECIMALS = 4
_BASE = "http://www.opengis.net/def/crs/"


@dataclass(frozen=True)
class Reference:
    """A CRS in which features are given out."""

    code: str

    @property
    def uri(self) -> str:
        """Its name on the web.

        Examples
        --------
        >>> Reference("OGC:CRS84").uri, Reference("EPSG:4490").uri
        ('http://www.opengis.net/def/crs/OGC/1.3/CRS84', 'http://www.opengis.net/def/crs/EPSG/0/4490')
        """
        authority, _, number = self.code.partition(":")
        return f"{_BASE}{authority}/{'1.3' if authority == 'OGC' else '0'}/{number}"

    @property
    def is_north_first(self) -> bool:
        """Whether the authority lists north before east."""
        return crs_of(self.code).axis_info[0].direction == "north"

    def write(self, geometry: BaseGeometry) -> dict[str, Any]:
        """Write a geometry given in degrees, longitude first, as GeoJSON with this CRS's coordinates and axes.

        Points are converted, edges are not divided: what was straight in the CRS it was measured in comes back so.

        Examples
        --------
        >>> Reference("EPSG:4490").write(shapely.Point(113.05, 36.25))["coordinates"]
        [36.25, 113.05]
        """
        if self.code == LON_LAT:
            return rounded_geometry(geometry, LON_LAT_DECIMALS)
        change, north_first = transformer(LON_LAT, self.code), self.is_north_first

        def convert(points: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            x, y = change.transform(points[:, 0], points[:, 1])
            return np.column_stack([y, x] if north_first else [x, y])

        decimals = METRE_DECIMALS if crs_of(self.code).is_projected else LON_LAT_DECIMALS
        return rounded_geometry(shapely.transform(geometry, convert), decimals)

    def lon_lat_box(self, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """Return the west, south, east and north in degrees of a box that is given in this CRS, east first.

        Raises
        ------
        ValueError
            When it lies nowhere, or its west is east of its east where the CRS does not go round the earth.
        """
        if not crs_of(self.code).is_projected:
            return box
        west, south, east, north = transformer(self.code, LON_LAT).transform_bounds(*box)
        if box[0] > box[2] or not all(map(math.isfinite, (west, south, east, north))):
            raise ValueError(box)
        return west, south, east, north


LONGITUDE_FIRST = Reference(LON_LAT)


def offered(jurisdiction: Jurisdiction) -> Mapping[str, Reference]:
    """Return the CRSs features are given out in, by URI; longitude and latitude first."""
    listed = dict.fromkeys([LON_LAT, *codes(jurisdiction.geographic_crs), *codes(jurisdiction.working_crs)])
    return {found.uri: found for found in map(Reference, listed)}


def stored(jurisdiction: Jurisdiction, code: str) -> Reference:
    """Return the geographic CRS beneath the one that a layer is kept in; clients ask for features in it."""
    geodetic = crs_of(code).geodetic_crs
    authority = None if geodetic is None else geodetic.to_authority()
    known = (
        [] if authority is None else [one for one in offered(jurisdiction).values() if one.code == ":".join(authority)]
    )
    return known[0] if known else LONGITUDE_FIRST
