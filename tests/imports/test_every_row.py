"""Between a file and the store no row is lost: each is stored, or listed, or was deleted; what is stored is finite."""

from __future__ import annotations

import json
import math
import sqlite3
import struct
from datetime import date

import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely

from geo_service.cli import main
from geo_service.store import editions
from geo_service.store.workspace import Workspace
from tests import world
from tests.imports.bringing import brought
from tests.ingest.samples import collection, feature
from tests.ingest.test_bad_input import drawn, kml, polyline
from tests.ingest.writing import write_vector, zipped_folder

LAYER = "heritage"
ROWS = 9
SHAPES = [world.box(100 * n, 0, 100 * n + 50, 50) for n in range(ROWS)]
NAMES = [f"R-{n}" for n in range(ROWS)]
#: Numbers of a square, and what may stand there instead.
DOUBLES = 10
WILD = (math.nan, math.inf, -math.inf)
#: Each of them at each place.
BAD = [(place, value) for place in range(DOUBLES) for value in WILD]


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    return Workspace.create(tmp_path_factory.mktemp("rows") / "ws", as_of=date(2026, 11, 1))


def imported(own, file, *more):
    """Import a file as the command does; what it ended with."""
    with pytest.raises(SystemExit) as left:
        main(["import", LAYER, str(file), "--quarantine", "--anywhere", "--workspace", str(own.directory), *more])
    return left.value.code or 0


def stored(workspace, name):
    """Ids and geometries as they lie in the file of an edition, read without the service."""
    table = pq.read_table(editions.path(workspace.directory, name, workspace.catalogue.layers[LAYER]))
    return table["id"].to_pylist(), shapely.from_wkb(table["geometry"].to_pylist())


def of_edition(own):
    """The edition that was published last, with its report as the register has it."""
    name = own.register.published()[LAYER]
    return name, next(row.report for row in own.editions() if row.name == name)


def write_shapefile(folder, shapes, ids, *, deleted=(), bad=()):
    """Write a shapefile in which rows are flagged as deleted, or have other numbers in their places."""
    folder.mkdir()
    file = write_vector(folder / "a.shp", shapes, "ESRI Shapefile", columns={"id": ids})
    table = bytearray(file.with_suffix(".dbf").read_bytes())
    start, width = struct.unpack("<HH", table[8:12])
    for row in deleted:
        table[start + row * width] = ord("*")
    file.with_suffix(".dbf").write_bytes(table)
    data, index = bytearray(file.read_bytes()), file.with_suffix(".shx").read_bytes()
    for row, (place, value) in bad:
        start, size = struct.unpack(">ii", index[100 + 8 * row : 108 + 8 * row])
        at = 2 * (start + size) + 8 - 8 * (DOUBLES - place)
        data[at : at + 8] = struct.pack("<d", value)
    file.write_bytes(data)
    return file


#: Rows that are flagged as deleted, and rows with a shape that is none.
FLAGGED = [([2], []), ([0, 4, 8], [1, 5]), ([3, 4], [4, 6]), ([], [7])]


def check_rows(workspace, name, report, deleted, broken):
    """Check that stored, listed and deleted rows are together those that were read, in the report and in the store."""
    # A row that was deleted is not looked at any further.
    listed = sorted(set(broken) - set(deleted))
    good = sorted(set(range(ROWS)) - {*deleted, *listed})
    assert (report["read"], report["stored"], report["deleted"]) == (ROWS, len(good), len(deleted))
    assert [(fault["row"], fault["code"]) for fault in report["rejected"]] == [(n + 1, "not_a_number") for n in listed]
    ids, shapes = stored(workspace, name)
    assert sorted(ids) == [NAMES[n] for n in good]
    assert all(shape.equals(SHAPES[NAMES.index(row_id)]) for row_id, shape in zip(ids, shapes, strict=True))
    assert report["read"] == len(ids) + len(report["rejected"]) + report["deleted"]


@pytest.mark.parametrize(("deleted", "broken"), FLAGGED)
def test_each_row_of_a_shapefile_is_stored_or_listed_or_was_deleted(own, tmp_path, deleted, broken):
    bad = [(row, (3, math.nan)) for row in broken]
    assert imported(own, write_shapefile(tmp_path / "s", SHAPES, NAMES, deleted=deleted, bad=bad)) == 0
    name, report = of_edition(own)
    told = {
        "read": report.read,
        "stored": report.stored,
        "deleted": report.deleted,
        "rejected": [{"row": fault.row, "code": fault.code} for fault in report.rejected],
    }
    check_rows(own, name, told, deleted, broken)
    check_finite(own)


def test_so_it_is_of_a_shapefile_that_is_brought(served, workspace, tmp_path):
    deleted, broken = FLAGGED[1]
    bad = [(row, (3, math.nan)) for row in broken]
    write_shapefile(tmp_path / "s", SHAPES, NAMES, deleted=deleted, bad=bad)
    content = zipped_folder(tmp_path / "a.zip", tmp_path / "s").read_bytes()
    job = brought(served.client, LAYER, content, name="a.zip", quarantine=True)
    report = served.get(f"/editions/{job['edition']}").json()["report"]
    check_rows(workspace, job["edition"], report, deleted, broken)
    assert job["counts"] == {"read": ROWS, "stored": 4, "rejected": 2, "deleted": 3}
    listed = served.get(f"/jobs/{job['id']}/rejected").json()["rejected"]
    assert [fault["row"] for fault in listed] == [row + 1 for row in broken]
    assert served.get(f"/collections/{LAYER}/items").json()["numberMatched"] == 4


def with_number(shape, place, value):
    """Return the WKB of a square with another number in it."""
    wkb = bytearray(shapely.to_wkb(shape, byte_order=1))
    wkb[13 + 8 * place : 21 + 8 * place] = struct.pack("<d", value)
    return bytes(wkb)


def many(count):
    return [world.box(60 * n, 100, 60 * n + 50, 150) for n in range(count)]


def as_shapefile(folder):
    shapes = many(len(BAD) + 3)
    return write_shapefile(folder / "s", shapes, [f"W-{n}" for n in range(len(shapes))], bad=list(enumerate(BAD)))


def as_gpkg(folder):
    shapes = many(len(BAD) + 3)
    file = write_vector(folder / "a.gpkg", shapes, "GPKG", columns={"id": [f"W-{n}" for n in range(len(shapes))]})
    with sqlite3.connect(file) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        head = b"GP\x00\x01" + struct.pack("<i", 4547)
        rows = [(head + with_number(shapes[n], *bad), n + 1) for n, bad in enumerate(BAD)]
        database.executemany("UPDATE a SET geom = ? WHERE fid = ?", rows)
    database.close()
    return file


def spelled(write):
    """Squares as text, with the words that programs write for such numbers."""

    def rows():
        for number, shape in enumerate(many(len(BAD) + 3)):
            numbers = [repr(value) for value in shapely.get_coordinates(shape).ravel().tolist()]
            if number < len(BAD):
                place, value = BAD[number]
                numbers[place] = write(value)
            yield f"W-{number}", list(zip(numbers[::2], numbers[1::2], strict=True))

    return rows()


def as_csv(folder):
    lines = [f'{name},"POLYGON (({", ".join(map(" ".join, points))}))"' for name, points in spelled(repr)]
    (file := folder / "a.csv").write_text("\n".join(["id,wkt", *lines, ""]))
    return file


def as_geojson(folder):
    # JSON has no word for them; numbers that are too large become the same.
    def huge(value):
        return "1e999" if math.isnan(value) else f"{'-' if value < 0 else ''}{'9' * 400}"

    rows = [
        feature([[["#".join(point)] for point in points]], properties={"id": name}) for name, points in spelled(huge)
    ]
    text = json.dumps(collection(*rows, crs="EPSG:4547")).replace('"', "\0")
    text = text.replace("[\0", "[").replace("\0]", "]").replace("#", ",").replace("\0", '"')
    (file := folder / "a.geojson").write_text(text)
    return file


def as_dxf(folder):
    corners = [shapely.get_coordinates(shape)[:-1] for shape in many(8)]
    wild = []
    for number, points in enumerate(corners):
        points.ravel()[number] = WILD[number % 3]
        wild.append(polyline(*((x, y, 0) for x, y in points)))
    return drawn(folder / "a.dxf", *wild)


@pytest.mark.parametrize(
    ("write", "bad"),
    [
        (as_shapefile, len(BAD)),
        (as_gpkg, len(BAD)),
        (as_csv, len(BAD)),
        (as_geojson, len(BAD)),
        (as_dxf, 8),
    ],
)
def test_no_number_that_is_none_comes_into_the_store(own, tmp_path, write, bad):
    file = write(tmp_path)
    crs = ("--crs", "EPSG:4547") if file.suffix in (".csv", ".dxf") else ()
    assert imported(own, file, *crs) == 0
    name, report = of_edition(own)
    assert (report.read, report.stored, len(report.rejected)) == (bad + report.stored, len(stored(own, name)[0]), bad)
    assert {fault.code for fault in report.rejected} <= {"not_a_number", "bad_geometry", "geometry_missing"}
    assert report.stored >= 2
    check_finite(own)


def test_a_kml_with_such_a_number_stores_nothing(own, tmp_path):
    before = own.register.published()
    for word in ("nan", "inf", "-Infinity", "1e999"):
        good = "113.05,36.25 113.06,36.25 113.06,36.26 113.05,36.25"
        (file := tmp_path / "a.kml").write_text(kml(good, f"113.05,36.25 {word},36.25 113.06,36.26 113.05,36.25"))
        assert imported(own, file) != 0
    assert own.register.published() == before
    check_finite(own)


def check_finite(workspace):
    """Look at every geometry that lies in the files of a workspace."""
    files = list((workspace.directory / editions.FOLDER).glob("*.parquet"))
    for file in files:
        coordinates = shapely.get_coordinates(
            shapely.from_wkb(pq.read_table(file)["geometry"].to_pylist()), include_z=True
        )
        assert len(coordinates) and np.isfinite(coordinates[:, :2]).all(), file.name
        assert np.isnan(coordinates[:, 2]).all(), "heights are left out"
