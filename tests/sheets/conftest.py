"""The demo behind its real server, and a browser that prints it."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from geo_service.api.app import create_app
from geo_service.service import Service
from geo_service.store.workspace import Workspace
from tests.api.serving import OPEN, Served, running
from tests.sheets.imagery import register_imagery
from tests.sheets.printing import Press

MANIFEST = tomllib.loads((Path(__file__).parents[2] / "layers/demo/demo.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def as_of() -> date:
    found: date = MANIFEST["as_of"]
    return found


@pytest.fixture(scope="session")
def demo(seeded: Path, tmp_path_factory: pytest.TempPathFactory, as_of: date) -> Service:
    directory = shutil.copytree(seeded, tmp_path_factory.mktemp("sheets") / "demo")
    found = Service(Workspace.open(directory), lambda: as_of)
    register_imagery(found)
    return found


@pytest.fixture(scope="session")
def served(demo: Service) -> Iterator[Served]:
    with running(create_app(demo, policy=OPEN), demo) as found:
        yield found


@pytest.fixture(scope="module")
def press(browser: Any, served: Served, tmp_path_factory: pytest.TempPathFactory) -> Press:
    return Press(browser, served.base, tmp_path_factory.mktemp("paper"))
