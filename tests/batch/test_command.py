"""The command `assess` over many parcels: what it writes, what it says, and what it leaves when it is stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import geopandas as gpd
import pyarrow.parquet as pq
import pytest
import shapely

from geo_service.cli import say
from geo_service.errors import InputError
from geo_service.export.record import record_bytes
from geo_service.export.table import schema
from geo_service.service import Service
from geo_service.store.workspace import Workspace
from tests.batch.conftest import PARCELS, parcel_rows, publish
from tests.e2e.commands import ROOT, Ran, run, run_each
from tests.world import AS_OF, features


@pytest.fixture(scope="module")
def folder(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("command")
    for name in ("ws", "other"):
        shutil.copytree(pristine, folder / name)
    return folder


@pytest.fixture(scope="module")
def ran(folder: Path) -> dict[str, Ran]:
    (folder / "old.jsonl").write_bytes(b"old\n")
    commands = {
        "no scheduler": ["--engine", "dask", "--scheduler", "127.0.0.1:x"],
        "lines": ["--out", "v.jsonl", "--jobs", "1"],
        "plain": [],
        "collection": ["--out", "v.geojson"],
        "table": ["--out", "v.parquet"],
        "dask": ["--workspace", "other", "--engine", "dask", "--jobs", "1"],
        "no rules yet": ["--as-of", "1990-01-01", "--out", "old.jsonl"],
        "another format": ["--out", "v.csv"],
        "zone": ["--zone", "Z", "--parcel", "P95"],
        "scheduler alone": ["--scheduler", "tcp://127.0.0.1:1"],
        "no jobs": ["--jobs", "0"],
        "no folder": ["--out", "absent/v.jsonl"],
    }
    asked = [["assess", "--workspace", "ws", *more] for more in commands.values()]
    return dict(zip(commands, run_each(*asked, cwd=folder), strict=True))


def test_every_format_holds_the_same_parcels_in_the_same_order(folder: Path, ran: dict[str, Ran]) -> None:
    assert [ran[name].code for name in ("lines", "plain", "collection", "table", "zone")] == [0] * 5
    service = Service(Workspace.open(folder / "ws"), lambda: AS_OF)
    lines = (folder / "v.jsonl").read_bytes()
    assert lines == b"".join(record_bytes(service.record(id_)) + b"\n" for id_ in service.parcels)
    assert ran["plain"].out == lines
    collection = json.loads((folder / "v.geojson").read_bytes())
    table = pq.read_table(folder / "v.parquet")
    assert table.schema.equals(schema(service.rulebook))
    rows = table.drop_columns("geometry").to_pylist()
    assert rows == [feature["properties"] for feature in collection["features"]]
    assert [row["parcel_id"] for row in rows] == list(service.parcels)


def test_the_table_is_geoparquet(folder: Path, ran: dict[str, Ran]) -> None:
    assert ran["table"].code == 0
    frame = gpd.read_parquet(folder / "v.parquet")
    assert frame.crs == "OGC:CRS84"
    again = gpd.read_file(folder / "v.geojson")
    assert shapely.equals_exact(frame.geometry.values, again.geometry.values, 1e-7).all()


def test_what_is_there_already_is_said(ran: dict[str, Ran]) -> None:
    assert "nothing changed since the last run" not in ran["lines"].err
    for name in ("plain", "collection", "table"):
        assert "nothing changed since the last run" in ran[name].err


def test_a_log_says_how_far_how_fast_and_how_long_yet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 10.0, 50.0, 60.0, 100.0])
    monkeypatch.setattr(say, "monotonic", lambda: next(clock))
    with say.counting(1_400, "核查 assessing", 1_000) as count:
        for _ in range(4):
            count(50)
    # Twice in 100 s; nothing of what was done before enters the speed.
    assert capsys.readouterr().err.splitlines() == [
        "核查 assessing 1100/1400 · 2.0/s · 余 left 0:02:30",
        "核查 assessing 1200/1400 · 2.0/s · 余 left 0:01:40",
    ]


def test_only_words_are_said_where_there_is_no_terminal(ran: dict[str, Ran]) -> None:
    assert all(line.strip() for name in ("lines", "table", "dask") for line in ran[name].err.splitlines())


def test_wrong_use_is_one_line(ran: dict[str, Ran]) -> None:
    for name in ("scheduler alone", "no jobs", "no folder", "no scheduler", "no rules yet", "another format"):
        assert (ran[name].code, ran[name].out, len(ran[name].errors)) == (2, b"", 1), ran[name]


def test_without_dask_the_way_to_it_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from geo_service.batch import cluster

    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install geo-service\[cluster\]"):
        cluster.Cluster(2)


def test_dask_says_and_writes_what_processes_do(ran: dict[str, Ran]) -> None:
    assert ran["dask"].code == 0
    assert ran["dask"].out == ran["plain"].out
    said = [[line for line in ran[name].err.splitlines() if "余 left" not in line] for name in ("dask", "lines")]
    assert said[0] == said[1]


def test_a_file_that_was_there_stays_where_no_new_one_is_whole(folder: Path, ran: dict[str, Ran]) -> None:
    assert ran["no rules yet"].code == 2
    assert (folder / "old.jsonl").read_bytes() == b"old\n"
    assert not list(folder.glob("*partial*")) and not list(folder.glob(".*"))


@pytest.mark.skipif(os.name != "posix", reason="sends a signal, as the terminal does")
@pytest.mark.slow
def test_stopped_by_ctrl_c_and_gone_on_with(workspace: Workspace, tmp_path: Path) -> None:
    publish(workspace, features("parcels", parcel_rows(count=240, step=250.0)))
    command = [sys.executable, "-c", "from geo_service.cli import main; main()"]
    command += ["assess", "--workspace", str(workspace.directory), "--out", "v.jsonl", "--jobs", "2"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    began = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 600
    while not (units := list(workspace.directory.glob("runs/*/*.unit"))) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert units and began.poll() is None
    # To the whole group, as a terminal does.
    os.killpg(began.pid, signal.SIGINT)
    _, said = began.communicate(timeout=600)
    assert began.returncode == 130
    assert "the same command goes on from there" in said.decode()
    assert not (tmp_path / "v.jsonl").exists() and not list(tmp_path.glob(".*"))

    again = run("assess", "--workspace", workspace.directory, "--out", "v.jsonl", "--jobs", "1", cwd=tmp_path)
    assert again.code == 0
    assert "going on: " in again.err
    lines = (tmp_path / "v.jsonl").read_bytes().splitlines()
    service = Service(workspace, lambda: AS_OF)
    assert [json.loads(line)["parcel"]["id"] for line in lines] == list(service.parcels)
    for number in range(0, len(lines), 60):
        assert lines[number] == record_bytes(service.record(list(service.parcels)[number]))


def test_the_history_keeps_every_verdict_once(folder: Path, ran: dict[str, Ran]) -> None:
    assert ran["lines"].code == 0
    register = Workspace.open(folder / "ws").register
    assert [len(register.verdicts_of(f"P{99 - number}")) for number in range(PARCELS)] == [1] * PARCELS
