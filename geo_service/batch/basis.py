"""What verdicts rest on beside the parcel itself: rules, editions, and the software that measures."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyproj
import shapely

import geo_service
from geo_service.model.rulebook import Rulebook
from geo_service.store.digest import canonical, digest
from geo_service.store.workspace import Workspace

#: Distributions whose arithmetic enters a record; that of one may be absent.
MEASURING = ("exactextract", "numba", "numpy", "pyproj", "rasterio", "shapely")


@dataclass(frozen=True, slots=True)
class EditionName:
    """One edition by layer, name, hash and date."""

    layer: str
    name: str
    sha256: str
    edition_date: date | None


@dataclass(frozen=True)
class Basis:
    """Everything but the parcel; two equal ones give the same bytes.

    Attributes
    ----------
    software : tuple of (name, version)
        What measures.
    editions : tuple of EditionName
        The published ones, by layer.
    """

    software: tuple[tuple[str, str], ...]
    rulebook_sha256: str
    catalogue_sha256: str
    editions: tuple[EditionName, ...]

    def edition(self, layer: str) -> EditionName | None:
        """Return the edition of a layer, ``None`` where none is published."""
        return next((edition for edition in self.editions if edition.layer == layer), None)

    @property
    def sha256(self) -> str:
        """Hash of all of it."""
        return digest([canonical(self.as_json())])

    def as_json(self) -> dict[str, Any]:
        """Write it as plain values."""
        return {
            "software": [list(pair) for pair in self.software],
            "rulebook": self.rulebook_sha256,
            "catalogue": self.catalogue_sha256,
            "editions": [
                [one.layer, one.name, one.sha256, None if one.edition_date is None else one.edition_date.isoformat()]
                for one in self.editions
            ],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Basis:
        """Read what `as_json` wrote."""
        return cls(
            tuple((str(name), str(number)) for name, number in value["software"]),
            value["rulebook"],
            value["catalogue"],
            tuple(
                EditionName(layer, name, sha256, None if day is None else date.fromisoformat(day))
                for layer, name, sha256, day in value["editions"]
            ),
        )


@cache
def software() -> tuple[tuple[str, str], ...]:
    """Name and version of what measures here; bytes are promised within one minor version of Python.

    Of this program its source counts, because a checkout changes without its version.
    """
    found = [
        ("geo-service", f"{geo_service.__version__} {_source()}"),
        ("python", ".".join(platform.python_version_tuple()[:2])),
    ]
    for name in MEASURING:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return (*found, ("GEOS", shapely.geos_version_string), ("PROJ", pyproj.proj_version_str))


def _source() -> str:
    folder = Path(geo_service.__file__).parent
    sha = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        sha.update(file.relative_to(folder).as_posix().encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return sha.hexdigest()[:12]


def published(workspace: Workspace) -> Basis:
    """Return what verdicts of a workspace rest on now."""
    register = workspace.register
    rows = [register.edition(name) for _, name in sorted(register.published().items())]
    return Basis(
        software(),
        workspace.rulebook.sha256,
        workspace.catalogue.sha256,
        tuple(EditionName(row.layer, row.name, row.sha256, row.edition_date) for row in rows),
    )


def reach_m(rulebook: Rulebook) -> dict[str, float]:
    """Return how far around a parcel the rules look in each layer that they read, in metres; 0 is the parcel alone.

    The zones are read all over, whatever this says.
    """
    found: dict[str, float] = {rulebook.zones_layer: 0.0}

    def read(layer: str | None, distance_m: float = 0.0) -> None:
        if layer is not None:
            found[layer] = max(found.get(layer, 0.0), distance_m)

    for assessment in rulebook.assessments.values():
        read(assessment.layer)
    for constraint in rulebook.constraints.values():
        for judged in constraint.versions:
            read(constraint.layer, judged.distance_m or 0.0)
    for service in rulebook.services.values():
        for served in service.versions:
            read(service.layer, max(served.search_m, served.limit_m))
    level = rulebook.level
    read(level.ground_layer)
    read(level.design_layer)
    for levelled in level.versions:
        read(level.platforms_layer, levelled.platform_edge_m)
    return found
