"""Seed the demo workspace from the data in the source tree; the same each time."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

from geo_service import ingest
from geo_service.cli import say
from geo_service.errors import NotFound
from geo_service.service import Service
from geo_service.store.definitions import bundled
from geo_service.store.workspace import Workspace


def seed(directory: Path) -> Workspace:
    """Make or refresh the demo workspace.

    Raises
    ------
    NotFound
        When the demo data are not there (they are not part of the installed package).
    """
    source = bundled()[0] / "demo"
    if not (source / "demo.toml").exists():
        raise NotFound(
            "演示数据只在源码目录中提供，请在源码目录运行 make demo / "
            "the demo data come with the source tree only; run make demo there"
        )
    manifest: dict[str, Any] = tomllib.loads((source / "demo.toml").read_text(encoding="utf-8"))
    as_of: date = manifest["as_of"]
    workspace = Workspace.create(directory, as_of=as_of)
    say.note(f"演示数据固定核查基准日 / the demo fixes the date: {as_of.isoformat()}")
    service = Service(workspace, lambda: as_of)
    say.first_run()
    entries = manifest["layers"]
    for entry in say.progress(entries, len(entries), "导入 importing"):
        extent = entry.get("extent")
        data, report = ingest.read_layer(
            workspace.catalogue.layers[entry["layer"]],
            workspace.catalogue,
            workspace.rulebook.jurisdiction,
            source / entry["file"],
            edition_date=entry["edition_date"],
            extent=None if extent is None else source / extent,
            zone_boxes=service.zone_shapes(),
            anywhere=entry.get("anywhere", False),
            synthetic=entry.get("synthetic", False),
            licence=entry.get("licence", ""),
            attribution=entry.get("attribution", ""),
        )
        service.prepare(workspace.publish(data, report).name)
    # A start would wait for the library of sheets.
    from geo_service.store.xlsx import read as read_sheets

    sheets = read_sheets((source / manifest["register"]).read_bytes(), workspace.rulebook)
    workspace.register.put(sheets.claims, sheets.facts, sheets.indicators, source=manifest["register"])
    return workspace
