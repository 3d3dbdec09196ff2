"""A small synthetic world for tests: one zone in which everything is known and nothing stands in the way.

Coordinates are metres from ``ORIGIN`` in the working CRS. The default parcel is 200 m × 200 m and ready; a test takes
something away, or puts something in its way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import shapely
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from geo_service.engine import examine
from geo_service.export.record import Record, record
from geo_service.model.catalogue import Catalogue
from geo_service.model.finding import Verdict
from geo_service.model.layer import Edition, Features, Grid, LayerSet, Origin
from geo_service.model.parcel import AsOf, Parcel, Repair
from geo_service.model.register import Claim, ClaimKind, IndicatorValue, Reach
from geo_service.model.rulebook import Rulebook
from geo_service.projection import lon_lat
from geo_service.store.definitions import bundled, load_catalogue, load_rulebook

CRS = "EPSG:4547"
ORIGIN = (414000.0, 4013000.0)
AS_OF = date(2026, 12, 1)
EDITION_DATE = date(2026, 11, 18)
PARCEL = (100.0, 100.0, 300.0, 300.0)
ZONE = (-2000.0, -2000.0, 3000.0, 3000.0)
FAR = (-20000.0, -20000.0, 20000.0, 20000.0)


@cache
def catalogue() -> Catalogue:
    """The bundled catalogue."""
    return load_catalogue(bundled()[0])


@cache
def rulebook() -> Rulebook:
    """The bundled rulebook."""
    return load_rulebook(bundled()[1])


def at(geometry: BaseGeometry) -> BaseGeometry:
    """Move a local geometry to its place in the working CRS."""
    return translate(geometry, *ORIGIN)


def box(*bounds: float) -> BaseGeometry:
    """A rectangle in local metres."""
    return at(shapely.box(*bounds))


def another(number: int) -> str:
    """Return the parcel's boundary in degrees, as GeoJSON, another one for each number: no answer to it is known."""
    west, south, east, north = PARCEL
    return shapely.to_geojson(lon_lat(box(west, south, east, north - number / 100), CRS))


def line(*points: tuple[float, float]) -> BaseGeometry:
    """A line in local metres."""
    return at(shapely.LineString(points))


Row = Mapping[str, Any]


def features(
    layer: str, rows: Sequence[Row], *, extent: BaseGeometry | None = None, edition_date: date = EDITION_DATE
) -> Edition:
    """Make an edition of a layer; each row has ``geometry`` (in place), maybe ``id``, and attributes."""
    spec = catalogue().layers[layer]
    names = [entry.name for entry in spec.fields]
    unknown = {key for row in rows for key in row} - {"id", "geometry", *names}
    assert not unknown, f"{layer} has no fields {sorted(unknown)}"
    geometries = np.empty(len(rows), dtype=object)
    for index, row in enumerate(rows):
        geometries[index] = row.get("geometry")
    ids = tuple(str(row.get("id", f"{layer}-{index}")) for index, row in enumerate(rows, start=1))
    columns = {name: tuple(row.get(name) for row in rows) for name in names if name != "id"}
    data = Features(spec, CRS, ids, geometries, columns, _origin(edition_date), extent)
    return Edition(f"{layer}@000000000000", "0" * 64, data)


def grid(layer: str, values: np.ndarray, *, west: float, north: float, cell_m: float = 5.0) -> Edition:
    """Make an edition of a raster; ``west`` and ``north`` are local metres."""
    spec = catalogue().layers[layer]
    transform = (ORIGIN[0] + west, cell_m, 0.0, ORIGIN[1] + north, 0.0, -cell_m)
    return Edition(f"{layer}@000000000000", "0" * 64, Grid(spec, CRS, values, transform, _origin(date(2026, 9, 15))))


def _origin(edition_date: date) -> Origin:
    return Origin("test", "0" * 64, edition_date, synthetic=True)


def _surveyed(layer: str) -> Row:
    spec = catalogue().layers[layer]
    assert spec.class_field is not None
    return {"id": "survey", "geometry": box(*FAR), spec.class_field: spec.surveyed_class}


def claim(service: str, **changes: Any) -> Claim:
    """A valid permanent claim to the boundary."""
    base = Claim(
        parcel_id="P",
        service=service,
        kind=ClaimKind.PERMANENT,
        reach=Reach.TO_BOUNDARY,
        document=f"证〔2026〕{service}",
        issuer="示例供应公司",
        dated_on=date(2026, 10, 8),
    )
    return replace(base, **changes)


def _scope(code: str, **changes: Any) -> Row:
    return {
        "id": f"{code}-1",
        "geometry": None,
        "code": code,
        "report_no": f"示例〔2025〕{code}",
        "approved_by": "示例主管部门",
        "approved_on": date(2025, 6, 1),
        "valid_to": date(2030, 5, 31),
        "progress": "approved",
        "zone_version": "Z-V1",
        **changes,
    }


def ready_editions() -> dict[str, Edition]:
    """Every layer that a rule reads, with nothing in the way of the default parcel."""
    codes = (*rulebook().order.core, *rulebook().order.local)
    ground = np.full((200, 200), 912.0)
    editions = {
        "zones": features(
            "zones",
            [
                {
                    "id": "Z-V1",
                    "zone": "Z",
                    "name": "示例开发区",
                    "geometry": box(*ZONE),
                    "version_status": "approved",
                    "readiness_standard": "santong_yiping",
                    "indicators": "fixed_investment_intensity=300 万元/亩",
                    "supply_window_days": 60,
                }
            ],
        ),
        "assessment_scopes": features("assessment_scopes", [_scope(code) for code in codes]),
        "land_approvals": features("land_approvals", [{"geometry": box(*FAR), "approved_on": date(2025, 1, 1)}]),
        "urban_boundary": features("urban_boundary", [{"geometry": box(*FAR)}]),
        "planned_use": features(
            "planned_use", [{"geometry": box(*FAR), "code": "100102", "code_system": "landsea_2023"}]
        ),
        "platforms": features("platforms", []),
        "present_use": features("present_use", [{"geometry": box(*FAR), "code": "0601", "code_system": "survey3"}]),
        "ground_elevation": grid("ground_elevation", ground, west=-200, north=800),
        "design_elevation": grid("design_elevation", ground.copy(), west=-200, north=800),
        "water_mains": features(
            "water_mains",
            [
                _surveyed("water_mains"),
                {"id": "w1", "geometry": line((98, 0), (98, 400)), "state": "in_service", "dn_mm": 300},
            ],
        ),
        "power": features(
            "power",
            [
                _surveyed("power"),
                {"id": "p1", "geometry": line((97, 0), (97, 400)), "state": "in_service", "kv": 10, "spare_kva": 8000},
            ],
        ),
        "roads": features(
            "roads",
            [_surveyed("roads"), {"id": "r1", "geometry": box(80, 0, 95, 400), "state": "built", "width_m": 15}],
        ),
    }
    for layer, spec in catalogue().layers.items():
        if layer not in editions and spec.surveyed_class is not None:
            editions[layer] = features(layer, [_surveyed(layer)])
    return editions


@dataclass(frozen=True)
class World:
    """Layers and one parcel, with what the register knows of it."""

    parcel: Parcel
    editions: Mapping[str, Edition] = field(default_factory=ready_editions)

    def with_rows(self, layer: str, *rows: Row, **options: Any) -> World:
        """Add features to a layer (its surveyed ground stays)."""
        edition = self.editions.get(layer)
        old = [] if edition is None else _rows(edition)
        return self.with_edition(features(layer, [*old, *rows], **options))

    def only_rows(self, layer: str, *rows: Row, **options: Any) -> World:
        """Replace all features of a layer."""
        return self.with_edition(features(layer, rows, **options))

    def changed_rows(self, layer: str, which: Mapping[str, Any], **changes: Any) -> World:
        """Change the rows whose attributes are as given."""
        rows = [
            {**row, **changes} if all(row.get(name) == value for name, value in which.items()) else row
            for row in _rows(self.editions[layer])
        ]
        return self.with_edition(features(layer, rows))

    def with_edition(self, edition: Edition) -> World:
        """Replace a layer."""
        return replace(self, editions={**self.editions, edition.spec.id: edition})

    def without(self, layer: str) -> World:
        """Remove a layer."""
        return replace(self, editions={name: edition for name, edition in self.editions.items() if name != layer})

    def with_parcel(self, **changes: Any) -> World:
        """Change the parcel."""
        return replace(self, parcel=replace(self.parcel, **changes))

    def with_claims(self, *claims: Claim, instead_of: str | None = None) -> World:
        """Add claims; those of one service may be replaced."""
        kept = tuple(old for old in self.parcel.claims if old.service != instead_of)
        return self.with_parcel(claims=(*kept, *claims))

    def verdict(self, as_of: date = AS_OF) -> Verdict:
        """Examine the parcel."""
        layers = LayerSet(self.editions)
        return next(examine([self.parcel], layers, catalogue(), rulebook(), AsOf(as_of, as_of)))

    def record(self, as_of: date = AS_OF) -> Record:
        """Examine the parcel and write the record."""
        return record(self.verdict(as_of))


def _rows(edition: Edition) -> list[Row]:
    data = edition.data
    assert isinstance(data, Features)
    return [
        {"id": data.ids[row], "geometry": data.geometries[row]}
        | {name: column[row] for name, column in data.attributes.items()}
        for row in range(len(data))
    ]


def ready_world() -> World:
    """A parcel that is ready: everything covered, clear, met and set."""
    parcel = Parcel(
        id="P",
        geometry=box(*PARCEL),
        crs=CRS,
        name="示例地块",
        zone="Z",
        land_use="100102",
        land_use_system="landsea_2023",
        project_type="通用设备制造",
        handover_on=date(2027, 4, 1),
        claims=(claim("WATER"), claim("POWER"), claim("ROAD"), claim("LEVEL")),
        indicators=(IndicatorValue("P", "fixed_investment_intensity", 350.0, "万元/亩", "示例〔2026〕1号"),),
    )
    return World(parcel)


def entries(body: Record) -> list[Any]:
    """All findings of a record."""
    ready = body["readiness"]
    return [*body["assessments"], *body["constraints"], *ready["services"], ready["level"], *body["indicators"]]


def found(body: Record, code: str) -> Any:
    """Return the entry of a code, wherever it stands in the record."""
    return next(entry for entry in entries(body) if entry["code"] == code)


__all__ = ["Repair", "World", "at", "box", "claim", "entries", "features", "found", "grid", "line", "ready_world"]
