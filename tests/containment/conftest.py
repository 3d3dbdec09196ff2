"""One small workspace for all that attack it."""

from __future__ import annotations

import pytest

from geo_service.service import Service
from geo_service.store.definitions import bundled
from geo_service.store.workspace import Workspace
from tests.api.serving import AS_OF, build


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return build(tmp_path_factory.mktemp("contained") / "ws", bundled()[0])


@pytest.fixture(scope="session")
def service(workspace: Workspace) -> Service:
    return Service(workspace, lambda: AS_OF)
