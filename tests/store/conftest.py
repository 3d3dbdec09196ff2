"""Real layers and rules, a workspace in a temporary folder, and small data to put into it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import shapely
from shapely.geometry import box

from geo_service.model.catalogue import Catalogue
from geo_service.model.layer import Features, Grid, Origin, Value
from geo_service.model.report import ImportReport
from geo_service.model.rulebook import Rulebook
from geo_service.store.definitions import bundled, load_catalogue, load_rulebook
from geo_service.store.workspace import Workspace

CRS = "EPSG:4547"
X, Y = 400_000.0, 4_000_000.0

MakeFeatures = Callable[..., Features]
MakeReport = Callable[..., ImportReport]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue(bundled()[0])


@pytest.fixture(scope="session")
def rulebook() -> Rulebook:
    return load_rulebook(bundled()[1])


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "ws", as_of=date(2026, 12, 1))


@pytest.fixture(scope="session")
def origin() -> Origin:
    return Origin(
        "宗地.gpkg", hashlib.sha256(b"parcels").hexdigest(), date(2026, 11, 18), "internal", "某局", synthetic=True
    )


@pytest.fixture(scope="session")
def make_features(catalogue: Catalogue, origin: Origin) -> MakeFeatures:
    def make(layer: str = "parcels", ids: tuple[str, ...] = ("P2", "P1"), **columns: tuple[Value, ...]) -> Features:
        squares = [box(X + 200 * n, Y, X + 200 * n + 100, Y + 100) for n in range(len(ids))]
        return Features(
            spec=catalogue.layers[layer],
            crs=CRS,
            ids=ids,
            geometries=np.array(squares, dtype=object),
            attributes=columns,
            origin=origin,
        )

    return make


@pytest.fixture(scope="session")
def grid(catalogue: Catalogue, origin: Origin) -> Grid:
    values = np.random.default_rng(7).normal(912.0, 0.3, size=(300, 420))
    values[10:20, 30:40] = np.nan
    return Grid(catalogue.layers["ground_elevation"], CRS, values, (X, 2.0, 0.0, Y + 600.0, 0.0, -2.0), origin)


@pytest.fixture(scope="session")
def make_report() -> MakeReport:
    def make(layer: str = "parcels", rows: int = 2, **more: object) -> ImportReport:
        return ImportReport(
            "宗地.gpkg", "GPKG", layer, CRS, "declared", "UTF-8", "declared", read=rows, stored=rows, **more
        )

    return make


def same(one: Features, other: Features) -> bool:
    """Whether two layers hold the same ground and attributes."""
    names = {field.name for field in one.spec.fields} - {"id"}
    return (
        one.ids == other.ids
        and one.crs == other.crs
        and one.origin == other.origin
        and list(shapely.to_wkb(one.geometries)) == list(shapely.to_wkb(other.geometries))
        and all(one.value(row, name) == other.value(row, name) for name in names for row in range(len(one)))
    )
