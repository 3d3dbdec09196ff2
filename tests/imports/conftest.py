"""A served workspace into which files are brought."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from geo_service.api.app import create_app
from geo_service.service import Service
from geo_service.store.definitions import bundled
from geo_service.store.workspace import Workspace
from tests.api.serving import AS_OF, OPEN, Served, build, running


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return build(tmp_path_factory.mktemp("imports") / "ws", bundled()[0])


@pytest.fixture(scope="module")
def served(workspace: Workspace) -> Iterator[Served]:
    service = Service(workspace, lambda: AS_OF)
    with running(create_app(service, policy=OPEN), service) as found:
        yield found
