"""A small workspace, built once, and a server over it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from geo_service.api.app import create_app
from geo_service.service import Service
from geo_service.store.definitions import bundled
from geo_service.store.workspace import Workspace
from tests.api.serving import AS_OF, OPEN, Served, build, running


@pytest.fixture(scope="session")
def catalogue_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled catalogue, in which the ore layer is confidential."""
    folder = tmp_path_factory.mktemp("catalogue") / "layers"
    shutil.copytree(bundled()[0], folder, ignore=shutil.ignore_patterns("demo"))
    ore = folder / "ore.toml"
    lines = [line for line in ore.read_text(encoding="utf-8").splitlines() if not line.startswith("secrecy")]
    place = next(index for index, line in enumerate(lines) if line.startswith("geometry"))
    lines.insert(place, 'secrecy = "confidential"')
    ore.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory, catalogue_dir: Path) -> Workspace:
    return build(tmp_path_factory.mktemp("served") / "ws", catalogue_dir)


@pytest.fixture(scope="session")
def service(workspace: Workspace) -> Service:
    return Service(workspace, lambda: AS_OF)


@pytest.fixture(scope="session")
def served(service: Service) -> Iterator[Served]:
    with running(create_app(service, policy=OPEN), service) as found:
        yield found
