"""Bad files through the command line: one clear refusal, quickly, and nothing is changed."""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import sqlite3
import zipfile
from pathlib import Path

import numpy as np
import pyogrio.raw
import pytest
import shapely

from tests.e2e.commands import Ran, run_each
from tests.processes import AT_ONCE_S

X, Y, CRS = 414_500.0, 4_013_500.0, "EPSG:4547"
#: What each bad file is refused for.
EXPECTED = {
    "truncated shapefile": "truncated",
    "coordinates of another CRS": "wrong_zone",
    "degrees called metres": "degrees_as_metres",
    "CRS that is not admitted": "crs_not_admitted",
    "swapped axes in GeoJSON": "axes_swapped",
    "NaN": "not_a_number",
    "duplicate ids": "duplicate_id",
    "empty file": "empty_file",
    "no features": "no_features",
    "VRT named geojson": "unsupported_format",
    "star of 4 kB": "geometry_too_complex",
    "zip with ../": "zip_unsafe_name",
    "DWG": "dwg_unsupported",
    "no such file": "file_missing",
}
#: Where more than one row is wrong, each has its line.
ROWS = {"duplicate ids": 2}


def square(x: float, y: float, size: float) -> list[list[list[float]]]:
    return [[[x, y], [x + size, y], [x + size, y + size], [x, y + size], [x, y]]]


def collection(*rings: list[list[list[float]]], crs: str | None = CRS, ids: tuple[str, ...] = ()) -> str:
    names = ids or tuple(f"N-{number}" for number in range(len(rings)))
    body: dict = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"id": name},
                "geometry": {"type": "Polygon", "coordinates": ring},
            }
            for name, ring in zip(names, rings, strict=True)
        ],
    }
    if crs is not None:
        body["crs"] = {"type": "name", "properties": {"name": crs.replace("EPSG:", "urn:ogc:def:crs:EPSG::")}}
    return json.dumps(body)


def star() -> list[list[list[float]]]:
    """About 4 kB of text with very many crossings, such as a hostile sender would write."""
    points = 331
    ring = [
        [
            round(X + 200 * math.cos(2 * math.pi * 165 * n / points)),
            round(Y + 200 * math.sin(2 * math.pi * 165 * n / points)),
        ]
        for n in range(points)
    ]
    return [[*ring, ring[0]]]


def said(ran: Ran) -> list[str]:
    """The codes of the faults, a line each."""
    return [found.group(1) for line in ran.errors if (found := re.search(r"\[([a-z_]+)\](?: →|$)", line))]


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The bad files."""
    folder = tmp_path_factory.mktemp("bad")

    def write(name: str, content: str | bytes) -> Path:
        file = folder / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    shapes = [shapely.box(X + 200 * number, Y, X + 200 * number + 100, Y + 100) for number in range(4)]
    pyogrio.raw.write(
        folder / "whole.shp",
        geometry=np.array(shapely.to_wkb(shapes), dtype=object),
        field_data=[np.array([f"N-{number}" for number in range(4)], dtype=object)],
        fields=np.array(["DKBH"]),
        geometry_type="Polygon",
        crs=CRS,
        driver="ESRI Shapefile",
    )
    parts = {file.name: file.read_bytes() for file in folder.glob("whole.*")}
    parts["whole.shp"] = parts["whole.shp"][:-80]
    one = collection(square(X, Y, 100))
    vrt = (
        '<OGRVRTDataSource><OGRVRTLayer name="whole"><SrcDataSource>whole.shp</SrcDataSource>'
        "</OGRVRTLayer></OGRVRTDataSource>"
    )
    return {
        "truncated shapefile": write("truncated.zip", zipped(parts)),
        "coordinates of another CRS": write("zone37.geojson", collection(square(37_000_000 + X, Y, 100), crs=CRS)),
        "degrees called metres": write("degrees.geojson", collection(square(113.05, 36.24, 0.001), crs=CRS)),
        "CRS that is not admitted": write(
            "mercator.geojson", collection(square(12_585_000, 4_333_000, 100), crs="EPSG:3857")
        ),
        "swapped axes in GeoJSON": write("swapped.geojson", collection(square(36.24, 113.05, 0.001), crs=None)),
        "NaN": write("nan.geojson", one.replace(f"{Y + 100}", "NaN", 1)),
        "duplicate ids": write("twice.geojson", collection(square(X, Y, 100), square(X + 300, Y, 100), ids=("N", "N"))),
        "empty file": write("empty.geojson", b""),
        "no features": write("none.geojson", '{"type": "FeatureCollection", "features": []}'),
        "VRT named geojson": write("vrt.geojson", vrt),
        "star of 4 kB": write("star.geojson", collection(star())),
        "zip with ../": write("slip.zip", zipped({"../parcels.geojson": one.encode()})),
        "DWG": write("plan.dwg", b"AC1027" + bytes(200)),
        "no such file": folder / "absent.geojson",
    }


def state(workspace: Path) -> tuple[dict[str, str], str]:
    """Every file of the editions, and all that the register holds."""
    files = {
        file.relative_to(workspace).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted((workspace / "editions").rglob("*"))
        if file.is_file()
    }
    with sqlite3.connect(workspace / "register.sqlite") as register:
        return files, "\n".join(register.iterdump())


@pytest.fixture(scope="module")
def refused(
    bad: dict[str, Path], zones_only: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Ran], dict[str, Ran], bool]:
    """Each bad file imported and checked, and whether the workspace is as it was."""
    before = state(zones_only)
    commands = [
        ["import", "parcels", file, "--edition-date", "2026-11-20", "--workspace", zones_only] for file in bad.values()
    ]
    commands += [["check", file, "--workspace", zones_only] for file in bad.values()]
    ran = run_each(*commands, cwd=tmp_path_factory.mktemp("elsewhere"))
    imported = dict(zip(bad, ran, strict=False))
    checked = dict(zip(bad, ran[len(bad) :], strict=True))
    return imported, checked, state(zones_only) == before


@pytest.mark.parametrize("what", list(EXPECTED))
def test_an_import_is_refused_in_one_clear_line(
    refused: tuple[dict[str, Ran], dict[str, Ran], bool], what: str
) -> None:
    ran = refused[0][what]
    assert (ran.code, ran.out) == (2, b""), ran
    assert "Traceback" not in ran.err
    assert said(ran) == [EXPECTED[what]] * ROWS.get(what, 1), ran.err
    assert ran.seconds < AT_ONCE_S
    # Chinese first, English beside it.
    words = ran.errors[0].removeprefix("错误 error: ")
    assert any("\u4e00" <= letter <= "\u9fff" for letter in words.split(" / ")[0]) and " / " in words


@pytest.mark.parametrize("what", list(EXPECTED))
def test_a_check_says_the_same(refused: tuple[dict[str, Ran], dict[str, Ran], bool], what: str) -> None:
    ran = refused[1][what]
    assert ran.code == 2, ran
    assert "Traceback" not in ran.err
    assert said(ran) == [EXPECTED[what]] * ROWS.get(what, 1), ran.err
    assert ran.seconds < AT_ONCE_S


def test_register_and_editions_are_unchanged(refused: tuple[dict[str, Ran], dict[str, Ran], bool]) -> None:
    assert refused[2]
