"""A bureau with half a dozen parcels in a row, 1.5 km apart, and every layer that a rule reads."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from geo_service import batch
from geo_service.model.layer import Edition, Features, Grid
from geo_service.model.parcel import AsOf
from geo_service.model.report import ImportReport
from geo_service.store.workspace import Workspace
from tests.world import AS_OF, CRS, Row, box, claim, features, line, ready_editions

PARCELS = 6
STEP_M = 1_500.0
ASKED = AsOf(None, AS_OF)


def square(number: int, side: float = 200.0, step: float = STEP_M) -> Any:
    """The ground of a parcel."""
    west = -8_000.0 + number * step
    return box(west, 100.0, west + side, 100.0 + side)


def parcel_rows(count: int = PARCELS, step: float = STEP_M) -> list[Row]:
    """Parcels; their ids run against their places."""
    return [
        {
            "id": f"P{99 - number}",
            "geometry": square(number, step=step),
            "zone": "Z",
            "land_use": "100102",
            "land_use_system": "landsea_2023",
        }
        for number in range(count)
    ]


def publish(workspace: Workspace, edition: Edition) -> None:
    """Publish the data of an edition."""
    rows = len(edition.data) if isinstance(edition.data, Features) else 0
    layer = edition.spec.id
    report = ImportReport("test", "test", layer, CRS, "declared", "UTF-8", "declared", read=rows, stored=rows)
    workspace.publish(edition.data, report)


def rows_of(workspace: Workspace, layer: str) -> list[dict[str, Any]]:
    """The features of a published layer."""
    data = workspace.edition(workspace.register.published()[layer]).data
    assert isinstance(data, Features)
    return [
        {"id": data.ids[row], "geometry": data.geometries[row]}
        | {name: column[row] for name, column in data.attributes.items()}
        for row in range(len(data))
    ]


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("batch") / "bureau"
    workspace = Workspace.create(directory, as_of=AS_OF)
    editions = ready_editions()
    zone = {**next(iter(_rows(editions["zones"]))), "geometry": box(-19_000, -5_000, 19_000, 5_000)}
    editions["zones"] = features("zones", [zone])
    editions["parcels"] = features("parcels", parcel_rows())
    editions["rivers"] = features("rivers", [{"geometry": line((0, 0), (1, 1))}])
    for edition in editions.values():
        publish(workspace, edition)
    workspace.register.put([replace(claim(service), parcel_id="P99") for service in ("WATER", "POWER", "ROAD")])
    return directory


def _rows(edition: Edition) -> Iterator[dict[str, Any]]:
    data = edition.data
    assert not isinstance(data, Grid)
    for row in range(len(data)):
        yield {"id": data.ids[row]} | {name: column[row] for name, column in data.attributes.items()}


@pytest.fixture
def workspace(pristine: Path, tmp_path: Path) -> Workspace:
    """A copy that a test may change."""
    return Workspace.open(shutil.copytree(pristine, tmp_path / "bureau"))


@pytest.fixture(scope="session")
def once(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """A copy in which a run was done, and what it gave."""
    directory = shutil.copytree(pristine, tmp_path_factory.mktemp("batch") / "bureau")
    return directory, done(Workspace.open(directory))


@pytest.fixture
def assessed(once: tuple[Path, Done], tmp_path: Path) -> Workspace:
    """A copy of that, which a test may change."""
    return Workspace.open(shutil.copytree(once[0], tmp_path / "bureau"))


@pytest.fixture(scope="session")
def before(once: tuple[Path, Done]) -> Done:
    """What the run in ``assessed`` gave."""
    return once[1]


class Done:
    """What a run gave."""

    def __init__(self, run: batch.Run, found: Sequence[batch.Concluded]) -> None:
        self.total, self.done, self.kept = run.total, run.done, run.kept
        self.found = tuple(found)

    @property
    def ids(self) -> list[str]:
        """Parcels, in the order of the results."""
        return [one.id for one in self.found]


def done(workspace: Workspace, crew: batch.Crew | None = None, as_of: AsOf = ASKED, **options: Any) -> Done:
    """Do a run to its end."""
    with batch.opened(workspace, as_of, **options) as run:
        for _ in run.work(crew or batch.Here(workspace)):
            pass
        return Done(run, list(run.results()))


def anew(workspace: Workspace, as_of: AsOf = ASKED) -> Done:
    """Do the same run with nothing left of earlier ones."""
    shutil.rmtree(workspace.directory / "runs")
    return done(workspace, as_of=as_of)


@contextmanager
def stopped_after(workspace: Workspace, units: int, **options: Any) -> Iterator[int]:
    """Begin a run and stop it, as by Ctrl-C, after some units; lends how many parcels were done."""
    finished = 0
    with pytest.raises(KeyboardInterrupt), batch.opened(workspace, ASKED, **options) as run:
        for number, count in enumerate(run.work(batch.Here(workspace)), start=1):
            finished += count
            if number == units:
                raise KeyboardInterrupt
    yield finished


def civil(text: str) -> date:
    """A date."""
    return date.fromisoformat(text)
