"""Areas from file to file by the command, as a script would ask for them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from shapely.geometry import box

from geo_service.cells.__main__ import main

CRS = "EPSG:4547"
X, Y = 400_000.0, 4_000_000.0


def geoparquet(path: Path, geometries: list[shapely.Geometry], crs: str = CRS, **columns: list[str]) -> Path:
    authority, code = crs.split(":")
    geo = {
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": {
            "geometry": {
                "encoding": "WKB",
                "geometry_types": [],
                "crs": {"id": {"authority": authority, "code": int(code)}},
            }
        },
    }
    table = pa.table({**columns, "geometry": [one.wkb for one in geometries]})
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)
    return path


@pytest.fixture
def parcels(tmp_path) -> Path:
    return geoparquet(
        tmp_path / "parcels.parquet", [box(X, Y, X + 100, Y + 100), box(X, Y + 900, X + 10, Y + 910)], id=["P1", "P2"]
    )


@pytest.fixture
def flood(tmp_path) -> Path:
    shapes = [box(X - 50, Y, X + 60, Y + 50), box(X + 40, Y, X + 200, Y + 50)]
    return geoparquet(tmp_path / "flood.parquet", shapes, depth=["low", "high"])


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "geo_service.cells", *map(str, words)], capture_output=True, text=True, check=False
    )


EXPECTED = [("P1", "flood", "high", 3000.0), ("P1", "flood", "low", 3000.0), ("P1", "flood", "*", 5000.0)]


def rows(path: Path) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in pq.read_table(path).to_pylist()]


def test_areas_on_a_layer_that_was_prepared_before(tmp_path, parcels, flood):
    prepared = tmp_path / "flood.cells"
    assert run("prepare", flood, "--class-field", "depth", "-o", prepared).returncode == 0
    done = run("areas", parcels, f"flood={prepared}", "-o", tmp_path / "areas.parquet")
    assert (done.returncode, done.stderr) == (0, "3 rows\n")
    assert rows(tmp_path / "areas.parquet") == EXPECTED


def test_areas_on_a_layer_as_it_was_delivered(tmp_path, parcels, flood):
    assert run("areas", parcels, f"flood={flood}:depth", "-o", tmp_path / "areas.parquet").returncode == 0
    assert rows(tmp_path / "areas.parquet") == EXPECTED


def test_two_runs_write_the_same_bytes_whatever_the_threads(tmp_path, parcels, flood):
    for name, threads in (("one", 1), ("two", 2)):
        run("areas", parcels, f"flood={flood}:depth", "--threads", threads, "-o", tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.fixture
def refused(monkeypatch, capsys):
    def said(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["cells", *map(str, words)])
        assert main() == 2
        return capsys.readouterr().err

    return said


def test_parcels_in_another_crs_are_refused_not_measured(tmp_path, refused, flood):
    elsewhere = geoparquet(tmp_path / "p.parquet", [box(X, Y, X + 9, Y + 9)], crs="EPSG:4548", id=["P"])
    said = refused("areas", elsewhere, f"flood={flood}:depth", "-o", tmp_path / "a.parquet")
    assert "EPSG:4548" in said and CRS in said
    assert not list(tmp_path.glob("a.parquet*"))


def test_a_field_that_is_not_there_is_named_with_those_that_are(refused, parcels, flood):
    assert "no field plot; there are: id, geometry" in refused(
        "areas", parcels, f"flood={flood}:depth", "--id-field", "plot"
    )


def test_layers_in_different_crs_are_refused(tmp_path, refused, parcels, flood):
    other = geoparquet(tmp_path / "scope.parquet", [box(X, Y, X + 9, Y + 9)], crs="EPSG:4548", cls=["a"])
    assert "EPSG:4548" in refused("areas", parcels, f"flood={flood}:depth", f"scope={other}:cls")


def test_a_bow_tie_is_named_by_its_row(tmp_path, refused, flood):
    bow_tie = shapely.Polygon([(X, Y), (X + 9, Y + 9), (X + 9, Y), (X, Y + 9)])
    broken = geoparquet(tmp_path / "p.parquet", [box(X, Y, X + 9, Y + 9), bow_tie], id=["P1", "P2"])
    assert "shape 1: its boundary crosses itself" in refused("areas", broken, f"flood={flood}:depth")


@pytest.mark.parametrize("name", ["nothing.parquet", "text.parquet", "nothing.cells"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, refused, parcels, name):
    (tmp_path / "text.parquet").write_text("no table")
    assert name in refused("areas", parcels, f"flood={tmp_path / name}")


def test_what_starts_slowly_is_not_started(tmp_path, parcels, flood):
    prepared = tmp_path / "flood.cells"
    run("prepare", flood, "--class-field", "depth", "-o", prepared)
    words = ["areas", str(parcels), f"flood={prepared}", "-o", str(tmp_path / "areas.parquet")]
    code = (
        f"import sys; sys.argv = ['cells', *{words!r}]; from geo_service.cells.__main__ import main; main(); "
        "print(sorted({'pandas', 'numba', 'shapely'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
