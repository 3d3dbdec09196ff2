"""One question to the engine, and the same question to the rational sweep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

import shapely
from shapely.geometry.base import BaseGeometry

from geo_service.cells import KNOWN, WHOLE, Areas, Prepared, areas, prepare
from geo_service.rings import Shapes, from_wkb
from tests.cells import exact
from tests.cells.families import Case

#: Name of a row → m², one such table a parcel. ``*`` is the union of the layer, ``known`` with its surveyed extent.
Table = dict[str, float]


def shapes(geometries: Sequence[BaseGeometry]) -> Shapes:
    """Hand geometries over as the engine takes them."""
    return from_wkb([shapely.to_wkb(geometry) for geometry in geometries])


def layer_of(case: Case, **options: object) -> Prepared:
    """Prepare the layer of a case."""
    extent = None if case.surveyed is None else shapes(case.surveyed)
    return prepare(
        shapes(case.features), case.classes, surveyed=extent, **{"cell_m": case.cell_m, "threads": 1, **options}
    )


def tables(found: Areas, layer: Prepared, index: int = 0) -> list[Table]:
    """Lay the rows of one layer out by parcel."""
    out: list[Table] = [{} for _ in found.parcel_m2]
    names = {WHOLE: "*", KNOWN: "known", **dict(enumerate(layer.classes))}
    own = found.layer == index
    for parcel, cls, area_m2 in zip(found.parcel[own], found.cls[own], found.area_m2[own], strict=True):
        assert names[int(cls)] not in out[parcel], "a row came twice"
        out[parcel][names[int(cls)]] = float(area_m2)
    for table, area_m2 in zip(out, found.parcel_m2, strict=True):
        table["parcel"] = float(area_m2)
    return out


def measured(case: Case) -> list[Table]:
    """Ask the engine."""
    layer = layer_of(case)
    return tables(areas(shapes(case.parcels), [layer], threads=1), layer)


def reckoned(case: Case) -> list[Table]:
    """Ask the rational sweep; rows without ground are left out."""
    regions = [exact.region(feature) for feature in case.features]
    features = (1 << len(regions)) - 1
    keeps: dict[str, exact.Keep] = {"parcel": lambda inside: True, "*": lambda inside: bool(inside & features)}
    for cls in {cls for cls in case.classes if cls is not None}:
        members = sum(1 << bit for bit, own in enumerate(case.classes) if own == cls)
        keeps[cls] = lambda inside, members=members: bool(inside & members)
    if case.surveyed is not None:
        regions += [exact.region(extent) for extent in case.surveyed]
        keeps["known"] = bool
    found = [exact.areas(exact.region(parcel), regions, keeps) for parcel in case.parcels]
    return [{name: area_m2 for name, area_m2 in table.items() if area_m2 > 0.0} for table in found]


@dataclass(frozen=True)
class Deviation:
    """One row as the engine and as the sweep has it; 0 where there is no such row."""

    parcel: int
    name: str
    engine_m2: float
    exact_m2: float

    @property
    def absolute_m2(self) -> float:
        """By how much they differ."""
        return abs(self.engine_m2 - self.exact_m2)

    @property
    def relative(self) -> float:
        """By which share of the row they differ."""
        return self.absolute_m2 / self.exact_m2 if self.exact_m2 else inf

    @property
    def is_within(self) -> bool:
        """Whether 1e-6 m² or one part in 1e9 is kept."""
        return self.absolute_m2 <= 1e-6 or self.relative <= 1e-9


def deviations(case: Case) -> Iterator[Deviation]:
    """Compare every row of a case, those that only one side has included."""
    for index, (engine, truth) in enumerate(zip(measured(case), reckoned(case), strict=True)):
        for name in sorted(engine.keys() | truth.keys()):
            yield Deviation(index, name, engine.get(name, 0.0), truth.get(name, 0.0))
