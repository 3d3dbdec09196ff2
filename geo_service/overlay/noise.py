"""Thin pieces: what a boundary drawn twice leaves behind, told from land."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import fsum, pi, sqrt

import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry, BaseMultipartGeometry

from geo_service.model.evidence import Band, Bands

# Residue of double arithmetic on 3° coordinates is below 3e-7 m² a pair; smaller pieces are not ground.
RESIDUE_M2 = 1e-6
# Room for what arithmetic rounds.
_SURELY = 1.0 - 1e-6
#: Area of a disc of diameter 1.
_DISC = pi / 4
NOTHING = (Band(0.0, 0.0, 0.0, 0.0),) * 3


@dataclass(frozen=True, slots=True)
class NoiseRule:
    """Tolerances of one measurement.

    Attributes
    ----------
    width_m : float
        Diameter of the disc that must fit in a piece for it to count as land.
    hard : bool
        ``False``: thin pieces are noise while they add up to ``soft_m`` × parcel perimeter.
        ``True``: a thin piece below ``hard_m2`` is noise, a larger one is for the surveyor.
    sensitivity : float
        Factor by which all tolerances are divided and multiplied for the two further bands.
    widest_m : float
        Diameter of the disc at the widest of the three.
    """

    width_m: float
    soft_m: float
    hard_m2: float
    hard: bool
    sensitivity: float
    widest_m: float = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "widest_m", self.width_m * max(self.scales()))

    def scales(self) -> tuple[float, float, float]:
        """Factors of the three bands."""
        return 1.0, 1.0 / self.sensitivity, self.sensitivity


def pieces(geometry: BaseGeometry) -> list[Polygon]:
    """Return the connected polygons of a geometry, without lines, points and residue.

    Examples
    --------
    >>> pieces(shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(2, 0, 2 + 1e-9, 1)]))
    [<POLYGON ((1 0, 1 1, 0 1, 0 0, 1 0))>]
    """
    if isinstance(geometry, Polygon):
        return [geometry] if geometry.area > RESIDUE_M2 else []
    if not isinstance(geometry, BaseMultipartGeometry):
        return []
    flat = [
        inner
        for part in geometry.geoms
        for inner in (part.geoms if isinstance(part, BaseMultipartGeometry) else (part,))
    ]
    return [part for part in flat if isinstance(part, Polygon) and part.area > RESIDUE_M2]


def thick_m(piece: Polygon) -> float:
    """Return a diameter such that a disc of any smaller one certainly fits in a piece; see `is_thin`.

    Examples
    --------
    >>> round(thick_m(shapely.box(0, 0, 10, 10)), 3)
    2.5
    """
    area, length = piece.area, piece.length
    return float(2 * area / (length + sqrt(length**2 + 4 * pi * len(piece.interiors) * area))) * _SURELY


def is_thin(piece: Polygon, width_m: float) -> bool:
    """Tell whether no disc of that diameter fits in a piece.

    Notes
    -----
    Seen from its boundary, a region with h holes and inradius r has area ≤ r × perimeter + π (h - 1) r² (Sz.-Nagy's
    bound on the length of parallel curves, for its outline and each hole), so a piece of more than
    ``width × (perimeter + π h width)`` cannot be thin and needs no buffer. Neither does one that is smaller than the
    disc: what two lines that should be one leave between them.

    Examples
    --------
    >>> is_thin(shapely.box(0, 0, 10, 0.04), 0.1), is_thin(shapely.box(0, 0, 10, 1.2), 0.1)
    (True, False)
    >>> is_thin(shapely.box(0, 0, 10, 10).difference(shapely.box(1, 0.1, 9, 9.9)), 0.5)
    False
    """
    if piece.area > width_m * (piece.length + pi * len(piece.interiors) * width_m):
        return False
    if piece.area < width_m * width_m * _DISC * _SURELY:
        return True
    return bool(shapely.is_empty(shapely.buffer(piece, -width_m / 2)))


def bands(parts: Sequence[Polygon], perimeter_m: float, rule: NoiseRule) -> Bands:
    """Sort pieces into what counts, what only a surveyor settles, and noise; at three scales of the tolerances.

    Parameters
    ----------
    parts : sequence of Polygon
        Connected pieces.
    perimeter_m : float
        Perimeter of the parcel.

    Examples
    --------
    >>> soft = NoiseRule(0.1, 0.05, 1.0, hard=False, sensitivity=2.0)
    >>> bands([shapely.box(0, 0, 10, 0.04)], 400.0, soft)[0].noise_m2
    0.4
    """
    if not parts:
        return NOTHING
    widths_m = [rule.width_m * scale for scale in rule.scales()]
    # What is not thin at a wider scale is not thin at a narrower one.
    at_double = [is_thin(part, widths_m[2]) for part in parts]
    if not any(at_double):
        all_counts = Band(fsum(part.area for part in parts), 0.0, 0.0, 0.0)
        return all_counts, all_counts, all_counts
    at_half = [wide and is_thin(part, widths_m[1]) for part, wide in zip(parts, at_double, strict=True)]
    as_given = [
        narrow or (wide and is_thin(part, widths_m[0]))
        for part, narrow, wide in zip(parts, at_half, at_double, strict=True)
    ]
    one, half, double = (
        _band(parts, thin, perimeter_m, rule, scale)
        for thin, scale in zip((as_given, at_half, at_double), rule.scales(), strict=True)
    )
    return one, half, double


def _band(
    parts: Sequence[Polygon], thinness: Sequence[bool], perimeter_m: float, rule: NoiseRule, scale: float
) -> Band:
    thin = [part for part, is_so in zip(parts, thinness, strict=True) if is_so]
    counted = fsum(part.area for part, is_so in zip(parts, thinness, strict=True) if not is_so)
    width = max((2 * part.area / part.length for part in thin), default=0.0)
    if rule.hard:
        review = fsum(part.area for part in thin if part.area >= rule.hard_m2 * scale)
        return Band(counted, review, fsum(part.area for part in thin) - review, width)
    total = fsum(part.area for part in thin)
    if total <= rule.soft_m * scale * perimeter_m:
        return Band(counted, 0.0, total, width)
    return Band(counted + total, 0.0, 0.0, 0.0)
