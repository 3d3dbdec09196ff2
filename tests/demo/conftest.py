"""The demo zone, brought in as an officer would: every layer by import, the register by its spreadsheet."""

from __future__ import annotations

import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from geo_service.engine import examine
from geo_service.export.record import Record, record
from geo_service.model.finding import Verdict
from geo_service.model.parcel import AsOf
from geo_service.model.report import ImportReport
from geo_service.store.parcels import parcels
from geo_service.store.workspace import Workspace

DEMO = Path(__file__).parents[2] / "layers" / "demo"


@dataclass(frozen=True)
class Demo:
    """The demo, imported and examined on its day."""

    manifest: dict[str, Any]
    reports: dict[str, ImportReport]
    verdicts: dict[str, Verdict]
    records: dict[str, Record]
    claims: int

    def verdict(self, case: str) -> Verdict:
        """The verdict on the parcel of a case."""
        return self.verdicts[self.manifest["cases"][case]]

    def record(self, case: str) -> Record:
        """The record of the parcel of a case."""
        return self.records[self.manifest["cases"][case]]


@pytest.fixture(scope="session")
def demo(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    manifest = tomllib.loads((DEMO / "demo.toml").read_text(encoding="utf-8"))
    as_of = manifest["as_of"]
    workspace = Workspace.open(shutil.copytree(seeded, tmp_path_factory.mktemp("demo") / "demo"))
    reports = {edition.layer: edition.report for edition in workspace.editions()}
    claims = sum(map(len, workspace.register.all_claims().values()))
    layers = workspace.layer_set()
    found = list(
        examine(
            parcels(workspace, layers).values(), layers, workspace.catalogue, workspace.rulebook, AsOf(as_of, as_of)
        )
    )
    verdicts = {verdict.parcel.id: verdict for verdict in found}
    records = {name: record(verdict) for name, verdict in verdicts.items()}
    return Demo(manifest, reports, verdicts, records, claims)
