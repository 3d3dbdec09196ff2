"""Real layer descriptions and rules, and short ways to read a file as a planner would hand it in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from geo_service import ingest
from geo_service.errors import Fault, InputError
from geo_service.ingest import Boundaries
from geo_service.model.catalogue import Catalogue
from geo_service.model.layer import Features, Grid
from geo_service.model.report import ImportReport
from geo_service.model.rulebook import Jurisdiction
from geo_service.store.definitions import bundled, load_catalogue, load_rulebook

Check = Callable[..., Boundaries]
Load = Callable[..., tuple[Features, ImportReport]]
Refused = Callable[..., list[Fault]]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue(bundled()[0])


@pytest.fixture(scope="session")
def jurisdiction() -> Jurisdiction:
    return load_rulebook(bundled()[1]).jurisdiction


@pytest.fixture(scope="session")
def everywhere(jurisdiction: Jurisdiction) -> Jurisdiction:
    """Rules that hold in the whole world, for sample files of elsewhere."""
    return jurisdiction.model_copy(
        update={"box_degrees": (-180.0, -90.0, 180.0, 90.0), "geographic_crs": ("OGC:CRS84", "EPSG:4326")}
    )


@pytest.fixture(scope="session")
def check(catalogue: Catalogue, jurisdiction: Jurisdiction) -> Check:
    """Read parcels to be checked."""

    def run(source: Path | bytes | str, name: str | None = None, **options: object) -> Boundaries:
        data = source.encode() if isinstance(source, str) else source
        shown = name or (data.name if isinstance(data, Path) else "boundary.txt")
        spec = options.pop("parcels_spec", catalogue.layers["parcels"])
        rules = options.pop("jurisdiction", jurisdiction)
        return ingest.read_boundaries(data, shown, catalogue, rules, parcels_spec=spec, **options)

    return run


@pytest.fixture(scope="session")
def load(catalogue: Catalogue, jurisdiction: Jurisdiction) -> Callable[..., tuple[Features | Grid, ImportReport]]:
    """Import a file of a layer."""

    def run(layer: str, path: Path, **options: object) -> tuple[Features | Grid, ImportReport]:
        options.setdefault("edition_date", date(2026, 11, 1))
        rules = options.pop("jurisdiction", jurisdiction)
        return ingest.read_layer(catalogue.layers[layer], catalogue, rules, path, **options)

    return run


@pytest.fixture(scope="session")
def refused() -> Refused:
    """Return the faults with which a call is refused."""

    def run(call: Callable[..., object], *arguments: object, **options: object) -> list[Fault]:
        with pytest.raises(InputError) as caught:
            call(*arguments, **options)
        faults = list(caught.value.faults)
        for fault in faults:
            assert fault.zh
            assert fault.en
            assert "/tmp" not in fault.line()
            assert "Traceback" not in fault.line()
        return faults

    return run
