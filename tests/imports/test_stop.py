"""A service that is told to stop finishes the imports that it has taken, as long as it may."""

from __future__ import annotations

import io

import pytest

from geo_service.importing import Closing, Desk, Order
from geo_service.importing.desk import FOLDER
from geo_service.store.jobs import State
from tests.api.serving import AS_OF
from tests.imports.bringing import parcels
from tests.imports.killing import workspace as with_zones


@pytest.mark.slow
def test_what_was_taken_is_finished_or_given_up_when_the_time_is_over(tmp_path):
    workspace = with_zones(tmp_path / "ws")
    jobs = workspace.register.jobs
    order = Order("parcels", "a.geojson", AS_OF)
    patient = Desk(workspace)
    taken = [
        patient.take(order, io.BytesIO(parcels(2, prefix=name)), None, key=None, caller="x") for name in ("A", "B")
    ]
    patient.close(600.0)
    assert [jobs.get(row.id).state for row in taken] == [State.DONE, State.DONE]
    with pytest.raises(Closing):
        patient.take(order, io.BytesIO(parcels(1)), None, key=None, caller="x")
    published = workspace.register.published()["parcels"]
    assert published == jobs.get(taken[1].id).edition

    hurried = Desk(workspace)
    given_up = hurried.take(order, io.BytesIO(parcels(2, prefix="C")), None, key=None, caller="x")
    hurried.close()
    assert jobs.get(given_up.id).state is State.INTERRUPTED
    assert workspace.register.published()["parcels"] == published
    assert list((workspace.directory / FOLDER).iterdir()) == []
