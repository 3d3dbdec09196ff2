"""A FileGDB that lost rows is refused, whatever its headers say: rows that are not there would clear a parcel."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_service import ingest
from geo_service.errors import InputError
from geo_service.model.report import ImportReport
from geo_service.projection import lon_lat
from tests import world
from tests.api.serving import Served
from tests.imports.bringing import ended
from tests.ingest.writing import write_vector

ROWS = 60
#: Over the whole world of these tests.
EXTENT = shapely.to_geojson(lon_lat(world.box(-2500, -2500, 4000, 3500), world.CRS)).encode()
#: Where the headers of a table and of its index say how many rows there are.
TABLE_COUNT, INDEX_COUNT = 4, 8


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, bytes]:
    """A FileGDB of farmland: the ground of parcel P, in the last of many strips."""
    folder = tmp_path_factory.mktemp("farmland") / "a.gdb"
    strips = [world.box(2000, 40 * n, 2030, 40 * n + 30) for n in range(ROWS - 1)] + [world.box(*world.PARCEL)]
    columns = {"BSM": [f"F-{n}" for n in range(ROWS)], "LB": ["永久基本农田"] * ROWS}
    write_vector(folder, strips, "OpenFileGDB", columns=columns, layer="YJJBNT")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def packed(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"a.gdb/{name}", content)
    return out.getvalue()


def largest(files: dict[str, bytes], suffix: str) -> str:
    # The table that was made last is the layer's.
    return max(name for name in files if name.endswith(suffix))


def cut(files: dict[str, bytes], suffix: str, share: float) -> dict[str, bytes]:
    name = largest(files, suffix)
    return {**files, name: files[name][: int(len(files[name]) * share)]}


def told(files: dict[str, bytes], suffix: str, at: int, count: int) -> dict[str, bytes]:
    """Say in a header that there are so many rows."""
    name = largest(files, suffix)
    return {**files, name: files[name][:at] + struct.pack("<i", count) + files[name][at + 4 :]}


def without_index(files: dict[str, bytes], rows: int) -> dict[str, bytes]:
    """Take the last rows out of the index only, and lower both counts."""
    name = largest(files, ".gdbtablx")
    data = bytearray(files[name])
    width = struct.unpack("<i", data[12:16])[0]
    data[16 + (ROWS - rows) * width : 16 + ROWS * width] = bytes(rows * width)
    fewer = told({**files, name: bytes(data)}, ".gdbtable", TABLE_COUNT, ROWS - rows)
    return told(fewer, ".gdbtablx", INDEX_COUNT, ROWS - rows)


def both(files: dict[str, bytes], count: int) -> dict[str, bytes]:
    return told(told(files, ".gdbtable", TABLE_COUNT, count), ".gdbtablx", INDEX_COUNT, count)


DAMAGES = {
    "index cut": lambda files: cut(files, ".gdbtablx", 0.9),
    "table says half": lambda files: told(files, ".gdbtable", TABLE_COUNT, ROWS // 2),
    "index says half": lambda files: told(files, ".gdbtablx", INDEX_COUNT, ROWS // 2),
    "both say half": lambda files: both(files, ROWS // 2),
    "both say none": lambda files: both(files, 0),
    "table says none": lambda files: told(files, ".gdbtable", TABLE_COUNT, 0),
    "index gone": lambda files: {k: v for k, v in files.items() if k != largest(files, ".gdbtablx")},
    "index empty": lambda files: cut(files, ".gdbtablx", 0),
    "table cut": lambda files: cut(files, ".gdbtable", 0.8),
    "table's header only": lambda files: {**files, (name := largest(files, ".gdbtable")): files[name][:40]},
    "last row not in the index": lambda files: without_index(files, 1),
    "another table cut": lambda files: {**files, "a00000004.gdbtablx": files["a00000004.gdbtablx"][:500]},
}


def deleted(files: dict[str, bytes], row: int) -> dict[str, bytes]:
    """Delete a row as the programs do: its length made negative, its entry in the index and its count taken away."""
    main, index = largest(files, ".gdbtable"), largest(files, ".gdbtablx")
    data, entries = bytearray(files[main]), bytearray(files[index])
    width = struct.unpack("<i", entries[12:16])[0]
    at = int.from_bytes(entries[16 + row * width : 16 + (row + 1) * width], "little")
    data[at : at + 4] = struct.pack("<i", -struct.unpack("<i", data[at : at + 4])[0])
    entries[16 + row * width : 16 + (row + 1) * width] = bytes(width)
    return told({**files, main: bytes(data), index: bytes(entries)}, ".gdbtable", TABLE_COUNT, ROWS - 1)


def posted(served: Served, files: dict[str, bytes]) -> dict:
    """Bring farmland with the extent that was surveyed."""
    parts = {"file": ("a.gdb.zip", packed(files)), "extent": ("extent.geojson", EXTENT)}
    return ended(served.client, served.client.post("/layers/farmland/editions", files=parts))


def verdict(served: Served) -> tuple[str, str]:
    body = served.get("/parcels/P/assessment").json()
    return world.found(body, "FARM")["outcome"], body["verdict"]["status"]


def read(files: dict[str, bytes], folder: Path) -> ImportReport:
    """Read a file of farmland without storing it."""
    catalogue = world.catalogue()
    (file := folder / "a.gdb.zip").write_bytes(packed(files))
    (extent := folder / "extent.geojson").write_bytes(EXTENT)
    spec, rules = catalogue.layers["farmland"], world.rulebook().jurisdiction
    return ingest.read_layer(spec, catalogue, rules, file, edition_date=world.EDITION_DATE, extent=extent)[1]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_table_whose_rows_index_and_headers_disagree_is_refused(whole, tmp_path, damage):
    with pytest.raises(InputError) as caught:
        read(DAMAGES[damage](whole), tmp_path)
    (fault,) = caught.value.faults
    assert (fault.code, fault.where) == ("truncated", "a.gdb.zip")


@settings(max_examples=60)
@given(st.sampled_from([".gdbtable", ".gdbtablx"]), st.data())
def test_a_file_cut_or_changed_in_its_headers_never_yields_other_rows(whole, tmp_path_factory, suffix, data):
    name = largest(whole, suffix)
    content = bytearray(whole[name])
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        content[data.draw(st.integers(0, 39 if suffix == ".gdbtable" else 15))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        report = read({**whole, name: bytes(content)}, tmp_path_factory.mktemp("cut"))
    except InputError as error:
        assert {fault.code for fault in error.faults} <= {"truncated", "file_unreadable"}
    else:
        assert (report.read, report.stored) == (ROWS, ROWS)


def test_rows_that_were_deleted_are_gone_and_no_damage(whole, tmp_path):
    report = read(deleted(whole, 7), tmp_path)
    assert (report.read, report.stored, report.warnings) == (ROWS - 1, ROWS - 1, ())


@pytest.mark.slow
def test_rows_that_were_lost_never_clear_a_parcel(served, whole):
    assert verdict(served) == ("clear", "ready"), "so it would be again without the farmland"
    assert posted(served, whole)["counts"]["stored"] == ROWS
    assert verdict(served) == ("affected", "not_ready")
    for damage in ("index cut", "table says half"):
        job = posted(served, DAMAGES[damage](whole))
        assert (job["state"], job["edition"]) == ("refused", None)
        assert verdict(served) == ("affected", "not_ready")
