"""What geometry measured. No law here: classes are names the caller gave, tolerances are numbers.

Every measured band comes at three scales of the tolerances: as given, divided and multiplied by the sensitivity.
"""

from __future__ import annotations

from dataclasses import dataclass

from shapely.geometry.base import BaseGeometry

AS_GIVEN, HALVED, DOUBLED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Band:
    """Connected pieces of some ground, told apart by thinness.

    ``counted_m2`` counts, ``review_m2`` only a surveyor can settle, ``noise_m2`` is left out of the outcome;
    ``noise_width_m`` is the width of the widest piece of noise or review, 2·area/perimeter.
    """

    counted_m2: float
    review_m2: float
    noise_m2: float
    noise_width_m: float


Bands = tuple[Band, Band, Band]


@dataclass(frozen=True, slots=True)
class FeatureArea:
    """How much of the parcel one feature takes; ``counts`` when it touches beyond noise."""

    id: str
    row: int
    area_m2: float
    counts: bool


@dataclass(frozen=True, eq=False, slots=True)
class ClassArea:
    """How much of the parcel the union of one class's features takes, with who and where."""

    cls: str
    area_m2: float
    bands: Bands
    features: tuple[FeatureArea, ...]
    geometry: BaseGeometry


@dataclass(frozen=True, eq=False, slots=True)
class Coverage:
    """A parcel split into covered, unsurveyed and uncovered ground; the three add up to it."""

    area_m2: float
    covered_m2: float
    unsurveyed_m2: float
    uncovered_m2: float
    covered: Bands
    unsurveyed: Bands
    uncovered: Bands
    classes: tuple[ClassArea, ...]
    uncovered_geometry: BaseGeometry

    def of(self, cls: str) -> ClassArea | None:
        """Return the area of one class, ``None`` when it is not touched."""
        return next((area for area in self.classes if area.cls == cls), None) if self.classes else None

    def by(self, classes: tuple[ClassArea, ...]) -> Coverage:
        """Return the same ground with the classes that take it."""
        return Coverage(
            self.area_m2,
            self.covered_m2,
            self.unsurveyed_m2,
            self.uncovered_m2,
            self.covered,
            self.unsurveyed,
            self.uncovered,
            classes,
            self.uncovered_geometry,
        )


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest feature and how far it is from the parcel."""

    id: str
    row: int
    distance_m: float


@dataclass(frozen=True, slots=True)
class Levels:
    """Ground against design over a parcel, weighted by exact coverage of the cells.

    Attributes
    ----------
    share_within : float
        Share of the judged ground within the tolerance; the least of all platforms where there are several.
    slope_p95_percent : float or None
        95th percentile of the slope of the ground, where one design surface holds.
    nodata_share : float
        Share of the parcel without ground or design value.
    """

    share_within: float
    mean_m: float
    rmse_m: float
    p95_m: float
    slope_p95_percent: float | None
    cut_m3: float
    fill_m3: float
    nodata_share: float
    judged_m2: float
