"""The reading process: killed when it overruns, replaced when it dies, quick when it is warm."""

from __future__ import annotations

import json
import os
import pickle
import signal
import threading
import time

import pytest
import shapely

from geo_service import ingest, nursery, worker
from geo_service.errors import InputError, TooComplex
from geo_service.ingest.job import Job, Purpose
from geo_service.ingest.process import KNOWN, READERS, Readers, gdal_skip
from geo_service.model.catalogue import Catalogue
from tests.ingest.samples import EXAMPLE, LAT, LON, feature, square
from tests.processes import AT_ONCE_S, gone

LIMIT_S = 60.0
BODY = json.dumps(feature(square(LON, LAT, 0.001))).encode()


@pytest.fixture
def job(catalogue, jurisdiction, tmp_path):
    return Job(Purpose.CHECK, catalogue.layers["parcels"], catalogue, jurisdiction, "a", None, BODY, tmp_path)


@pytest.fixture
def readers():
    found = Readers()
    yield found
    found.close()


def test_one_process_serves_one_caller_after_another(readers, job):
    for _ in range(5):
        assert readers.run(job, LIMIT_S).ids == ("check-1",)
    assert len(readers.idle()) == 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_process_that_died_while_idle_is_replaced(readers, job, how):
    with readers.borrowed():
        pass
    (pid,) = readers.idle()
    os.kill(pid, how)
    assert gone(pid)
    assert readers.run(job, LIMIT_S).ids == ("check-1",)
    assert readers.idle() != (pid,)


def test_a_process_that_dies_at_work_is_an_answer_and_the_next_call_works(readers, job):
    with readers.borrowed():
        pass
    (pid,) = readers.idle()
    # A stopped process stands for one in the middle of a long call.
    os.kill(pid, signal.SIGSTOP)
    killer = threading.Timer(0.2, os.kill, (pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(InputError) as caught:
        readers.run(job, LIMIT_S)
    killer.join()
    assert caught.value.faults[0].code == "file_unreadable"
    assert readers.run(job, LIMIT_S).ids == ("check-1",)


def test_a_job_that_overruns_is_killed(readers, job):
    with readers.borrowed():
        pass
    (pid,) = readers.idle()
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(TooComplex) as caught:
        readers.run(job, 0.2)
    assert time.monotonic() - began < AT_ONCE_S
    assert caught.value.faults[0].code == "geometry_too_complex"
    assert gone(pid)
    assert readers.run(job, LIMIT_S).ids == ("check-1",)


def test_callers_at_once_get_their_own_answers(catalogue, jurisdiction):
    answers: dict[int, list[str]] = {}

    def ask(number):
        body = json.dumps(feature(square(LON, LAT, 0.001), id=f"P-{number}")).encode()
        found = [
            ingest.read_geojson_bytes(body, catalogue, jurisdiction, parcels_spec=catalogue.layers["parcels"])
            for _ in range(5)
        ]
        answers[number] = [parcel.id for one in found for _, parcel in one.parcels]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: [f"P-{number}"] * 5 for number in range(4)}
    assert len(READERS.idle()) <= worker.SLOTS


def test_nothing_is_left_behind(check, refused, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    check(EXAMPLE)
    refused(check, b"PK\x03\x04 nonsense", "a.zip")
    assert list(tmp_path.iterdir()) == []


def test_an_answer_can_bring_no_code_with_it():
    class Evil:
        def __reduce__(self):
            return os.system, ("true",)

    with pytest.raises(pickle.UnpicklingError):
        worker.opened(pickle.dumps(Evil()), KNOWN)
    with pytest.raises(pickle.UnpicklingError):
        worker.opened(pickle.dumps((shapely.Point(0, 0), "")), KNOWN)


def test_the_drivers_that_follow_other_files_are_off():
    off = {library: set(names.split(",")) for library, names in gdal_skip()}
    assert {"OGR_VRT", "HTTP", "WFS", "GDALG", "CSV", "GPKG", "GeoJSON"} <= off["pyogrio"]
    assert {"VRT", "WMS", "GTI", "HTTP", "STACIT"} <= off["rasterio"]
    assert not {"ESRI Shapefile", "GTiff", "OpenFileGDB"} & (off["pyogrio"] | off["rasterio"])


def test_no_secret_of_ours_reaches_the_reading_process(monkeypatch):
    monkeypatch.setenv("DATABASE_PASSWORD", "x")
    found = nursery.environment()
    assert "DATABASE_PASSWORD" not in found
    assert found["PROJ_NETWORK"] == "OFF"


def test_the_catalogue_arrives_as_it_was_sent(catalogue: Catalogue):
    sent = pickle.dumps(catalogue, protocol=5)
    found = pickle.loads(sent)
    assert found == catalogue
    assert found.model_dump() == catalogue.model_dump()
