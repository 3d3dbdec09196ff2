"""Measuring: areas by class on unions, thin pieces, nearest features, rasters. Arrays and numbers in, evidence out.

The coverage of a parcel ``P`` by the features in force is measured on their union, so that overlaps count once::

    P = covered ∪ uncovered ∪ unsurveyed        (disjoint; the areas add up to P)

    unsurveyed = P − union − surveyed extent − every other feature of the layer

Each side is cut into its connected pieces. A piece is thin when no disc of the layer's width fits in it, which is
what a boundary drawn twice leaves behind; ``noise`` tells thin pieces that count from those that do not.
"""

from geo_service.overlay.coverage import NO_COVERAGE, Uncut, coverage, holds
from geo_service.overlay.crossings import crossing, crossings_between, pairs_between, touching
from geo_service.overlay.levels import design_from_grid, levels
from geo_service.overlay.nearest import Neighbours, nearest, neighbours
from geo_service.overlay.noise import NoiseRule, bands, pieces

__all__ = [
    "NO_COVERAGE",
    "Neighbours",
    "NoiseRule",
    "Uncut",
    "bands",
    "coverage",
    "crossing",
    "crossings_between",
    "design_from_grid",
    "holds",
    "levels",
    "nearest",
    "neighbours",
    "pairs_between",
    "pieces",
    "touching",
]
