"""Whatever bytes arrive: an answer whose rows add up, or a refusal; never anything else."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo_service.errors import InputError
from geo_service.ingest.intake import run
from geo_service.ingest.job import Job, Purpose
from tests.ingest.samples import EXAMPLE, FIRST_M2, LAT, LON, SECOND_M2, X, Y, collection, feature, square

SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
GEOJSON = json.dumps(
    collection(feature(square(LON, LAT, 0.001), properties={"DKBH": "甲"}), feature(square(LON, LAT, 1)))
)
CSV = f'DKBH,WKT\n甲,"{shapely.box(X, Y, X + 9, Y + 9).wkt}"\n乙,"{shapely.box(X, Y, X + 5, Y + 9).wkt}"\n'


@pytest.fixture(scope="module")
def read(catalogue, jurisdiction):
    """Read bytes in this very process: what is tested here is the answer, not the process."""

    def answer(data, name="a", crs=None):
        with tempfile.TemporaryDirectory() as folder:
            job = Job(
                Purpose.CHECK, catalogue.layers["parcels"], catalogue, jurisdiction, name, None, data, Path(folder), crs
            )
            return run(job)

    return answer


@st.composite
def damaged(draw, text):
    data = bytearray(text)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data) - 1))
        kind = draw(st.sampled_from(["byte", "cut", "repeat", "insert"]))
        if kind == "byte":
            data[at] = draw(st.integers(0, 255))
        elif kind == "cut":
            del data[at : at + draw(st.integers(1, 40))]
        elif kind == "repeat":
            data[at:at] = data[at : at + draw(st.integers(1, 40))]
        else:
            data[at:at] = draw(
                st.sampled_from(
                    [b",", b"\n", b"-", b"1e999", b"null", b"[[", b"\x00", b"\xff", b"9" * 30, "，".encode()]
                )
            )
        if not data:
            break
    return bytes(data)


def adds_up(read, data, crs=None):
    try:
        result = read(data, crs=crs)
    except InputError as error:
        assert error.faults
        assert all(fault.zh and fault.en for fault in error.faults)
        return
    report = result.report
    assert report.read == report.stored + len(report.rejected) + report.deleted
    assert len({fault.row for fault in report.rejected}) == len(report.rejected)
    assert len(set(result.ids)) == len(result.ids) == report.stored
    for wkb in result.wkb:
        shape = shapely.from_wkb(wkb)
        assert shape.is_valid
        assert shape.area > 0
        assert np.isfinite(shapely.get_coordinates(shape)).all()


@SETTINGS
@given(damaged(EXAMPLE.encode("gbk")))
def test_a_damaged_txt(read, data):
    adds_up(read, data)


@SETTINGS
@given(damaged(GEOJSON.encode()))
def test_a_damaged_geojson(read, data):
    adds_up(read, data)


@SETTINGS
@given(damaged(CSV.encode("gbk")))
def test_a_damaged_csv(read, data):
    adds_up(read, data, crs="EPSG:4547")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes(read, data):
    adds_up(read, data)


@settings(max_examples=60, deadline=None)
@given(
    st.permutations([0, 1, 2, 3]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["gbk", "utf-8-sig", "utf-16"]),
    st.sampled_from(["\r\n", "\n", "\n\n"]),
)
def test_neither_the_first_point_nor_the_direction_nor_the_writing_changes_an_area(
    read, turn, backwards, bare, encoding, newline
):
    lines = EXAMPLE.rstrip("\n").split("\n")
    ring = lines[-5:-1]
    start = turn[0]
    ring = ring[start:] + ring[:start]
    if backwards:
        ring.reverse()
    text = "\n".join([*lines[:-5], *ring, ring[0]])
    if bare:
        text = text.replace(",38", ",")
    result = read(text.replace("\n", newline).encode(encoding))
    areas = [round(shapely.from_wkb(wkb).area, 3) for wkb in result.wkb]
    assert areas == [FIRST_M2, SECOND_M2]
