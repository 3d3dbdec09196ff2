"""The demo's workspace, seeded once, and the service over it."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import pytest

from geo_service.service import Service
from geo_service.store.workspace import Workspace
from tests.e2e.commands import ROOT, run_each

AS_OF = date(2026, 12, 1)


@pytest.fixture(scope="session")
def zones_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the demo's zones and nothing else; for reading only."""
    folder = tmp_path_factory.mktemp("zones")
    ran = run_each(
        ["init", "ws", "--as-of", AS_OF.isoformat()],
        ["import", "zones", ROOT / "layers/demo/zones.geojson", "--edition-date", "2026-11-18", "--workspace", "ws"],
        cwd=folder,
    )
    assert [one.code for one in ran] == [0, 0], ran
    return folder / "ws"


@pytest.fixture(scope="session")
def service(demo: Path) -> Service:
    return Service(Workspace.open(demo), lambda: AS_OF)


@pytest.fixture(scope="session")
def cases() -> dict[str, str]:
    """Parcel of each case of the demo."""
    return tomllib.loads((ROOT / "layers/demo/demo.toml").read_text(encoding="utf-8"))["cases"]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The sample files beside the checkout."""
    found = ROOT.parent / "shared" / "data"
    if not found.is_dir():
        pytest.skip("../shared/data is not here")
    return found
