"""A small workspace in which a layer holds a comb, and a service over it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from geo_service.checking.process import EXAMINERS, Examiners
from geo_service.service import Service
from geo_service.store.definitions import bundled
from geo_service.store.workspace import Workspace
from tests import world
from tests.api.serving import AS_OF, build, report_of
from tests.checking.combs import comb


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    built = build(tmp_path_factory.mktemp("checking") / "ws", bundled()[0])
    rows = [
        {"id": "survey", "geometry": world.box(*world.FAR), "class": "surveyed"},
        {"id": "comb", "geometry": comb(upright=False), "class": "high"},
    ]
    data = replace(world.features("geohazard", rows).data, spec=built.catalogue.layers["geohazard"])
    built.publish(data, report_of(data))
    return built


@pytest.fixture(scope="session")
def service(workspace: Workspace) -> Service:
    return Service(workspace, lambda: AS_OF)


@pytest.fixture(scope="module")
def examiners() -> Examiners:
    """The measuring processes, none of them left over from other tests."""
    EXAMINERS.close()
    return EXAMINERS
