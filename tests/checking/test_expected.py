"""A workspace that is opened before anybody asks: it need not be the one asked for, and a bad one harms nobody."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from geo_service.checking.job import Ground
from geo_service.checking.process import Examiners
from geo_service.cli import workspace_of
from geo_service.cli.app import app
from geo_service.export.record import record, record_bytes
from geo_service.model.parcel import AsOf
from geo_service.nursery import start_ahead
from geo_service.store.definitions import bundled
from tests.api.serving import AS_OF, build

ASKED = AsOf(None, AS_OF)


@pytest.fixture(params=["the same", "another", "none", "damaged"])
def expected(request, workspace, tmp_path: Path) -> Path:
    """Return a workspace that somebody took for the one that will be asked for."""
    if request.param == "the same":
        return Path(os.path.relpath(workspace.directory))
    folder = tmp_path / "ws"
    if request.param == "another":
        build(folder, bundled()[0])
    if request.param == "damaged":
        shutil.copytree(workspace.directory, folder)
        (folder / "register.sqlite").write_bytes(b"not a register")
    return folder


@pytest.fixture
def examiners(expected) -> Iterator[Examiners]:
    start_ahead("geo_service.checking.child", str(expected))
    found = Examiners()
    yield found
    found.close()


@pytest.mark.slow
def test_whatever_was_expected_the_answer_is_of_the_workspace_that_was_asked_for(service, workspace, examiners):
    one = next(iter(service.parcels.values()))
    ground = Ground(workspace.directory.resolve(), workspace.rulebook.sha256)
    found = examiners.measure(ground, [(1, one)], ASKED, None)
    here = record_bytes(record(next(service.snapshot().examine([one], ASKED, None, None))))
    assert found.records == ((1, here),)


@pytest.mark.parametrize(
    "words",
    [
        "serve",
        "serve --workspace one",
        "serve --workspace=two --port 9000",
        "serve --port 9000 --local-planner --workspace three",
        "serve --workspace one --workspace two",
    ],
)
@pytest.mark.parametrize("named", [None, "from-outside"])
def test_the_workspace_that_is_expected_is_the_one_that_the_command_names(words, named, monkeypatch):
    monkeypatch.delenv("GEO_SERVICE_WORKSPACE", raising=False)
    if named:
        monkeypatch.setenv("GEO_SERVICE_WORKSPACE", named)
    name, *options = words.split()
    command = typer.main.get_command(app).commands[name]
    assert Path(workspace_of(words.split())) == command.make_context(name, options).params["workspace"]
