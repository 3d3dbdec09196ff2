"""Damaged, disguised and hostile files: one clear refusal each, quickly, and the next file is read as before."""

from __future__ import annotations

import io
import json
import math
import shutil
import sqlite3
import stat
import struct
import time
import zipfile
from contextlib import closing, contextmanager
from datetime import date

import ezdxf
import numpy as np
import pytest
import shapely
from ezdxf.render.forms import cube
from hypothesis import settings

from geo_service.cli import main
from geo_service.errors import InputError, TooComplex
from geo_service.ingest import gate
from geo_service.ingest.formats import geopackage
from geo_service.ingest.formats.drawing import ARC_DEVIATION
from geo_service.ingest.gate import crossings
from geo_service.ingest.process import READERS
from geo_service.ingest.text import codec_of, detect
from geo_service.model.catalogue import GeometryKind
from geo_service.store.workspace import Workspace
from tests.ingest.samples import EXAMPLE, LAT, LON, X, Y, collection, feature, square
from tests.ingest.writing import altered, write_dxf, write_grid, write_vector, zipped, zipped_folder
from tests.processes import AT_ONCE_S, computed_s

SHAPES = [shapely.Polygon(square(X + 200 * i, Y, 100)[0]) for i in range(6)]
NAMES = {"DKBH": [f"A-{i}" for i in range(6)], "DKMC": ["长治", "上党", "屯留", "潞城", "襄垣", "平顺"]}


@pytest.fixture
def shapefile(tmp_path):
    (tmp_path / "s").mkdir()
    return write_vector(tmp_path / "s" / "宗地.shp", SHAPES, "ESRI Shapefile", columns=NAMES, encoding="GBK")


def geojson(path, *features, **options):
    path.write_text(json.dumps(collection(*features, **options), ensure_ascii=False), "utf-8")
    return path


# Shapefiles


@pytest.mark.parametrize("suffix", [".shp", ".shx", ".dbf"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_truncated_part_of_a_shapefile(load, refused, shapefile, suffix, share):
    part = shapefile.with_suffix(suffix)
    data = part.read_bytes()
    part.write_bytes(data[: int(len(data) * share)])
    faults = refused(load, "parcels", shapefile)
    assert {fault.code for fault in faults} <= {"truncated", "empty_file", "unsupported_format"}


def test_a_shapefile_cut_anywhere_never_yields_fewer_rows(load, refused, shapefile):
    rng = np.random.default_rng(7)
    for suffix in (".shp", ".shx", ".dbf"):
        part = shapefile.with_suffix(suffix)
        data = part.read_bytes()
        for cut in rng.integers(1, len(data) - 1, settings().max_examples // 3 + 1):
            part.write_bytes(data[:cut])
            refused(load, "parcels", shapefile)
        part.write_bytes(data)
    assert len(load("parcels", shapefile)[0]) == 6


def test_a_table_that_says_fewer_rows_than_it_has(load, refused, shapefile):
    part = shapefile.with_suffix(".dbf")
    data = bytearray(part.read_bytes())
    data[4:8] = struct.pack("<I", 3)
    part.write_bytes(data)
    assert [fault.code for fault in refused(load, "parcels", shapefile)] == ["truncated"]


def records_of(shapefile):
    """Return the records of a .shp, each with its head, and the entries of its .shx: place and length in bytes."""
    shp, shx = shapefile.read_bytes(), shapefile.with_suffix(".shx").read_bytes()
    entries = [(2 * start, 2 * size) for start, size in struct.iter_unpack(">ii", shx[100:])]
    return [shp[start : start + 8 + size] for start, size in entries], entries


def rewrite(shapefile, records, entries):
    """Put other records and other entries behind the heads of a .shp and its .shx."""
    for part, body in (
        (shapefile, b"".join(records)),
        (shapefile.with_suffix(".shx"), b"".join(struct.pack(">ii", at // 2, size // 2) for at, size in entries)),
    ):
        head = part.read_bytes()[:100]
        part.write_bytes(head[:24] + struct.pack(">i", (100 + len(body)) // 2) + head[28:] + body)


def keep_rows(shapefile, count):
    """Cut a table, and let it say so."""
    part = shapefile.with_suffix(".dbf")
    data = part.read_bytes()
    start, width = struct.unpack("<HH", data[8:12])
    part.write_bytes(data[:4] + struct.pack("<I", count) + data[8 : start + count * width] + b"\x1a")


def polygon_record(number, ring):
    """Return a record with one ring, as it stands in a .shp."""
    (west, south), (east, north) = np.min(ring, axis=0), np.max(ring, axis=0)
    content = struct.pack("<i4diii", 5, west, south, east, north, 1, len(ring), 0) + np.asarray(ring, "<f8").tobytes()
    return struct.pack(">ii", number, len(content) // 2) + content


#: The ground of A-2 after a survey, clockwise: with a corner less and with two more than before.
SMALLER = [(X + 400, Y), (X + 400, Y + 100), (X + 450, Y), (X + 400, Y)]
LARGER = [(X + 400, Y), (X + 380, Y + 50), (X + 400, Y + 100), (X + 480, Y + 120), (X + 500, Y + 50), *SMALLER[-2:]]


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (lambda found: found[:5], ("记录6", "record 6")),
        (lambda found: found[:2] + found[3:], ("第3条", "points at record 4")),
        (lambda found: found[:5] + found[:1], ("第6条", "points at record 1")),
        (lambda found: found[::-1], ("第1条", "points at record 6")),
        (lambda found: [found[1], found[0], *found[2:]], ("第1条", "points at record 2")),
        (lambda found: [found[0], (found[1][0] + 8, 128), *found[2:]], ("第2条", "entry 2")),
        (lambda found: [*found[:3], (found[3][0], 64), *found[4:]], ("记录4", "64 in the .shx")),
    ],
    ids=["one less", "one less within", "one twice", "reversed", "two swapped", "into a record", "another length"],
)
def test_an_index_that_points_at_other_records_gives_no_parcel_the_ground_of_another(
    load, refused, shapefile, entries, words
):
    records, found = records_of(shapefile)
    chosen = entries(found)
    rewrite(shapefile, records, chosen)
    keep_rows(shapefile, len(chosen))
    (fault,) = refused(load, "parcels", shapefile)
    assert fault.code == "truncated"
    assert words[0] in fault.zh and words[1] in fault.en


def test_records_over_each_other_are_refused(load, refused, shapefile):
    records, found = records_of(shapefile)
    # Record 3 says that it is longer than its shape, in both places.
    records[2] = records[2][:4] + struct.pack(">i", 80) + records[2][8:]
    rewrite(shapefile, records, [*found[:2], (found[2][0], 160), *found[3:]])
    (fault,) = refused(load, "parcels", shapefile)
    assert fault.code == "truncated"
    assert "记录3" in fault.zh and "record 3" in fault.en


@pytest.mark.parametrize("ring", [SMALLER, LARGER], ids=["smaller", "larger"])
def test_a_shape_changed_in_place_is_read_and_its_old_one_is_not(load, refused, shapefile, ring):
    records, found = records_of(shapefile)
    new = polygon_record(3, ring)
    end = found[-1][0] + 8 + found[-1][1]
    if len(new) <= len(records[2]):
        # The new one stands in the place of the old one, whose last bytes are left over.
        changed, where = [*records[:2], new + records[2][len(new) :], *records[3:]], found[2][0]
    else:
        changed, where = [*records, new], end
    entries = [*found[:2], (where, len(new) - 8), *found[3:]]
    rewrite(shapefile, changed, entries)
    features, report = load("parcels", shapefile)
    assert (report.read, report.stored) == (6, 6)
    shapes = [*SHAPES[:2], shapely.Polygon(ring), *SHAPES[3:]]
    assert [shape.equals(wanted) for shape, wanted in zip(features.geometries, shapes, strict=True)] == [True] * 6
    # What is left over hides no record that the .shx lacks.
    rewrite(shapefile, changed, entries[:5])
    keep_rows(shapefile, 5)
    (fault,) = refused(load, "parcels", shapefile)
    assert (fault.code, "record 6" in fault.en) == ("truncated", True)


def test_an_index_from_before_a_change_does_not_bring_back_the_old_ground(load, refused, shapefile):
    records, found = records_of(shapefile)
    rewrite(shapefile, [*records, polygon_record(3, LARGER)], found)
    (fault,) = refused(load, "parcels", shapefile)
    assert fault.code == "truncated"
    assert "记录3" in fault.zh and "record 3" in fault.en


@pytest.mark.parametrize(("first", "more"), [(0, 0), (1, 8), (0, 8)])
def test_records_numbered_from_zero_and_lengths_with_their_heads_are_read(load, shapefile, first, more):
    records, found = records_of(shapefile)
    rewrite(
        shapefile,
        [struct.pack(">i", first + i) + record[4:] for i, record in enumerate(records)],
        [(at, size + more) for at, size in found],
    )
    features, report = load("parcels", shapefile)
    assert (report.read, features.ids) == (6, tuple(NAMES["DKBH"]))
    assert all(shape.equals(wanted) for shape, wanted in zip(features.geometries, SHAPES, strict=True))
    assert report.warnings == ()


def test_rows_flagged_as_deleted_are_counted(load, shapefile):
    part = shapefile.with_suffix(".dbf")
    data = bytearray(part.read_bytes())
    start, width = struct.unpack("<HH", data[8:12])
    data[start + 2 * width] = ord("*")
    part.write_bytes(data)
    features, report = load("parcels", shapefile)
    assert features.ids == ("A-0", "A-1", "A-3", "A-4", "A-5")
    assert (report.read, report.stored, report.deleted) == (6, 5, 1)
    assert features.geometries[2].equals(SHAPES[3])


def test_suffixes_of_mixed_case(load, shapefile):
    for suffix, other in ((".dbf", ".Dbf"), (".shx", ".SHX"), (".prj", ".Prj")):
        shapefile.with_suffix(suffix).rename(shapefile.with_suffix(other))
    features, _ = load("parcels", shapefile)
    assert features.attributes["name"][0] == "长治"


@pytest.mark.parametrize("suffix", [".shx", ".dbf"])
def test_a_missing_part_is_named(load, refused, shapefile, suffix):
    shapefile.with_suffix(suffix).unlink()
    (fault,) = refused(load, "parcels", shapefile)
    assert fault.code == "incomplete_shapefile"
    assert suffix in fault.zh


def test_no_prj_means_no_guess(load, refused, shapefile):
    shapefile.with_suffix(".prj").unlink()
    (fault,) = refused(load, "parcels", shapefile)
    assert fault.code == "crs_missing"
    assert load("parcels", shapefile, crs="EPSG:4547")[1].crs_how == "option"


@pytest.mark.parametrize("cpg", [None, "GBK", "936", "UTF-8", "ISO-8859-1", "1252", "nonsense"])
@pytest.mark.parametrize("encoding", ["GBK", "UTF-8"])
def test_names_are_right_whatever_the_cpg_says(load, tmp_path, cpg, encoding):
    file = write_vector(tmp_path / "a.shp", SHAPES, "ESRI Shapefile", columns=NAMES, encoding=encoding)
    declared = file.with_suffix(".cpg")
    declared.unlink(missing_ok=True)
    if cpg is not None:
        declared.write_text(cpg)
    data = bytearray(file.with_suffix(".dbf").read_bytes())
    data[29] = 0
    file.with_suffix(".dbf").write_bytes(data)
    features, report = load("parcels", file)
    assert features.attributes["name"] == tuple(NAMES["DKMC"])
    assert report.encoding.upper() == encoding
    wrong = cpg not in (None, "nonsense") and report.encoding_how != "cpg"
    assert any("cpg" in text for text in report.warnings) == wrong


PAGES = (
    "ISO-8859-1",
    "1252",
    "1250",
    "1251",
    "437",
    "850",
    "Big5",
    "950",
    "932",
    "949",
    "KOI8-R",
    "ISO-8859-5",
    "GBK",
    "UTF-8",
)


#: The first level of GB 2312, everyday characters, and its second, rarer ones.
LEVELS = [
    [
        bytes([lead, trail]).decode("gb2312")
        for lead in leads
        for trail in range(0xA1, 0xFF)
        if (lead, trail) < (0xD7, 0xFA) or lead > 0xD7
    ]
    for leads in (range(0xB0, 0xD8), range(0xD8, 0xF8))
]


def drawn_names(*levels):
    """Two hundred names of one to four characters, some with a number or a sign behind them."""
    rng = np.random.default_rng(5)
    letters = [letter for level in levels for letter in LEVELS[level]]
    tails = ["", "", "1", "号", "（北）", "A·B"]
    return ["".join(rng.choice(letters, rng.integers(1, 5))) + rng.choice(tails) for _ in range(200)]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("encoding", ["gbk", "utf-8"])
def test_a_wrong_code_page_gives_the_right_names_or_none(page, encoding):
    honest = codec_of(page) == codec_of(encoding)
    for levels in ((0,), (0, 1)):
        names = drawn_names(*levels)
        for some in (names, *([name] for name in names)):
            pieces = [f"{name} ".encode(encoding) for name in some]
            try:
                codec, how, warning = detect(pieces, "a.dbf", declared=[(page, "cpg")])
            except InputError as error:
                assert [fault.code for fault in error.faults] == ["encoding"]
                assert not honest
                continue
            assert [piece.decode(codec)[:-1] for piece in pieces] == some
            assert (how, warning) == ("cpg", None) if honest else "cpg" in warning


@pytest.mark.parametrize("encoding", ["gbk", "utf-8"])
def test_names_that_are_told_to_be_in_nothing_are_right_or_refused(encoding):
    names = drawn_names(0, 1)
    for some in (names, *([name] for name in names)):
        pieces = [f"{name} ".encode(encoding) for name in some]
        try:
            codec = detect(pieces, "a.dbf")[0]
        except InputError as error:
            assert [fault.code for fault in error.faults] == ["encoding"]
            assert len(some) == 1
        else:
            assert [piece.decode(codec)[:-1] for piece in pieces] == some


def one_name(folder, name, *, cpg=None, language=0, encoding="GBK"):
    """A shapefile with one row, which says of its text what it likes."""
    file = write_vector(folder / "a.shp", SHAPES[:1], "ESRI Shapefile", columns={"DKMC": [name]}, encoding=encoding)
    file.with_suffix(".cpg").unlink(missing_ok=True)
    if cpg is not None:
        file.with_suffix(".cpg").write_text(cpg)
    data = bytearray(file.with_suffix(".dbf").read_bytes())
    data[29] = language
    file.with_suffix(".dbf").write_bytes(data)
    return file


@pytest.mark.parametrize("cpg", ["ISO-8859-1", "1252", "1251", "950", "932", "949", "KOI8-R", "ISO-8859-5"])
def test_a_single_name_under_a_wrong_code_page_asks_for_the_encoding(load, refused, tmp_path, cpg):
    file = one_name(tmp_path, "一号", cpg=cpg)
    (fault,) = refused(load, "parcels", file)
    assert (fault.code, fault.where) == ("encoding", "a.shp")
    assert "cpg" in fault.zh and "--encoding" in fault.next_en and ".cpg" in fault.next_zh
    for right in (load("parcels", file, encoding="GBK"), load("parcels", one_name(tmp_path, "一号"))):
        assert right[0].attributes["name"] == ("一号",)


@pytest.mark.parametrize(
    ("language", "cpg", "encoding", "how", "warns"),
    [
        (0x4D, None, "GBK", "ldid", ""),
        (0x7A, None, "GBK", "ldid", ""),
        (0x4D, None, "UTF-8", "sniffed", "ldid"),
        (0x4D, "1251", "GBK", "ldid", "cpg"),
        (0x4F, "GBK", "GBK", "cpg", ""),
        (0x57, None, "GBK", "sniffed", ""),
    ],
)
def test_the_language_byte_of_a_table_counts_after_its_cpg(load, tmp_path, language, cpg, encoding, how, warns):
    file = one_name(tmp_path, "一号长治东区", cpg=cpg, language=language, encoding=encoding)
    features, report = load("parcels", file)
    assert features.attributes["name"] == ("一号长治东区",)
    assert (report.encoding.upper(), report.encoding_how) == (encoding, how)
    assert bool(report.warnings) == bool(warns) and warns in "".join(report.warnings)


@pytest.mark.parametrize("language", [0x4E, 0x4F])
def test_a_language_byte_that_is_wrong_asks_for_the_encoding(load, refused, tmp_path, language):
    (fault,) = refused(load, "parcels", one_name(tmp_path, "一号", language=language))
    assert fault.code == "encoding"
    assert "ldid" in fault.zh


def test_text_that_is_in_no_encoding(load, refused, shapefile):
    part = shapefile.with_suffix(".dbf")
    data = bytearray(part.read_bytes())
    start = struct.unpack("<H", data[8:10])[0]
    at = data.index("长治".encode("gbk"), start)
    data[at : at + 4] = b"\xff\xff\x80\xff"
    part.write_bytes(data)
    shapefile.with_suffix(".cpg").unlink()
    (fault,) = refused(load, "parcels", shapefile)
    assert fault.code == "encoding"
    assert "GBK/UTF-8" in fault.zh


def test_only_the_shp_of_a_shapefile_uploaded(check, refused, shapefile):
    (fault,) = refused(check, shapefile.read_bytes(), "a.shp")
    assert fault.code == "incomplete_shapefile"


# What a file really is


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"", "a.geojson", "empty_file"),
        (b" \r\n", "a.txt", "empty_file"),
        (b"AC1032\x00\x00\x00", "a.dxf", "dwg_unsupported"),
        (b"AC1015", "a.dwg", "dwg_unsupported"),
        (b'<OGRVRTDataSource><OGRVRTLayer name="a"/></OGRVRTDataSource>', "a.geojson", "unsupported_format"),
        (b'<VRTDataset rasterXSize="1" rasterYSize="1"/>', "a.tif", "unsupported_format"),
        (b"<GDAL_WMS></GDAL_WMS>", "a.tif", "unsupported_format"),
        (b"%PDF-1.7", "a.pdf", "unsupported_format"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.mdb", "unsupported_format"),
        (b"hello", "a.txt", "unsupported_format"),
    ],
)
def test_the_content_decides_and_not_the_name(check, refused, content, name, code):
    (fault,) = refused(check, content, name)
    assert fault.code == code
    assert fault.where == name


def test_dwg_says_what_to_do(check, refused):
    (fault,) = refused(check, b"AC1032", "a.dwg")
    assert fault.zh == "DWG不支持，请另存DXF或导出界址点TXT"


def test_a_virtual_dataset_in_a_zip_reads_no_other_file(check, refused, tmp_path):
    secret = write_vector(tmp_path / "secret.gpkg", SHAPES, "GPKG", columns=NAMES)
    vrt = (
        f'<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>{secret}</SrcDataSource>'
        "<SrcLayer>secret</SrcLayer></OGRVRTLayer></OGRVRTDataSource>"
    ).encode()
    for members in ({"layer.shp": vrt, "layer.shx": vrt, "layer.dbf": vrt}, {"a.geojson": vrt}, {"a.gpkg": vrt}):
        file = zipped(tmp_path / "a.zip", members)
        faults = refused(check, file.read_bytes(), "a.zip")
        assert "A-0" not in str(faults)


def test_a_virtual_raster_is_not_followed(load, refused, tmp_path):
    write_grid(tmp_path / "real.tif", np.ones((4, 4), np.float32), x=X, y=Y, cell=5, crs="EPSG:4547")
    file = tmp_path / "a.tif"
    file.write_text(
        f"<VRTDataset><VRTRasterBand><SimpleSource><SourceFilename>{tmp_path / 'real.tif'}</SourceFilename>"
    )
    assert [fault.code for fault in refused(load, "ground_elevation", file)] == ["unsupported_format"]


def test_a_kml_with_entities_is_refused(check, refused):
    body = b'<?xml version="1.0"?><!DOCTYPE kml [<!ENTITY a SYSTEM "file:///etc/passwd">]><kml>&a;</kml>'
    (fault,) = refused(check, body, "a.kml")
    assert fault.code == "unsupported_format"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_entities_in_another_encoding_are_refused_as_well(check, refused, tmp_path, encoding):
    (secret := tmp_path / "secret.txt").write_text("A-SECRET")
    place = (
        "<Placemark><name>&a;</name><Polygon><outerBoundaryIs><LinearRing><coordinates>"
        "113.05,36.25 113.06,36.25 113.06,36.26 113.05,36.25"
        "</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark>"
    )
    body = f'<?xml version="1.0"?><!DOCTYPE kml [<!ENTITY a SYSTEM "{secret.as_uri()}">]><kml>{place}</kml>'
    (fault,) = refused(check, body.encode(encoding), "a.kml")
    assert fault.code == "unsupported_format"
    assert "A-SECRET" not in str(fault)


def kml(*rings, place='<Placemark id="p{0}"><name>地块{0}</name>'):
    """Write polygons, one a placemark, by what stands between the tags of their coordinates."""
    return '<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{}</Document></kml>'.format(
        "".join(
            f"{place.format(number)}<Polygon><outerBoundaryIs><LinearRing><coordinates>{ring}</coordinates>"
            "</LinearRing></outerBoundaryIs></Polygon></Placemark>"
            for number, ring in enumerate(rings, start=1)
        )
    )


KML_RING = "113.05,36.25 113.06,36.25 {} 113.05,36.26 113.05,36.25"
KML_GOOD = KML_RING.format("113.06,36.26")


@pytest.mark.parametrize(
    ("position", "shown"),
    [
        ("113.06", "113.06"),
        ("113.06;36.26", "113.06;36.26"),
        ("113.O6,36.26", "113.O6,36.26"),
        ("abc,36.26", "abc,36.26"),
        ("113.06,", "113.06,"),
        ("113.06,,36.26", "113.06,,36.26"),
        ("113.06,36.26,900,1", "113.06,36.26,900,1"),
        ("113.06,nan", "113.06,nan"),
        ("113.06,1e999", "113.06,1e999"),
        ("NaN,36.26", "NaN,36.26"),
        ("-nan,nan", "-nan,nan"),
        ("inf,36.26", "inf,36.26"),
        ("113.06,-Infinity", "113.06,-Infinity"),
        ("113.06,1.#INF", "113.06,1.#INF"),
        ("113.06,36.26,nan", "113.06,36.26,nan"),
        ("113.06,36.26,-1e400", "113.06,36.26,-1e400"),
        (",", ","),
        (",,", ",,"),
        ("113.06,36.26\u3000113.06,36.27", "113.06,36.26\u3000113.06,36.27"),
        ("１１３.06,36.26", "１１３.06,36.26"),
        ("113.06,<b/>36.26", "<b>"),
        # A latitude is missing, and what stands there would be taken for the height of the position before.
        ("113.06, 36.26,113.06 ,36.27", "113.06,"),
        ("113.06,36.26 ,36.27", ",36.27"),
    ],
)
def test_a_kml_position_that_cannot_be_read_is_named(check, load, refused, tmp_path, position, shown):
    body = kml(KML_GOOD, KML_RING.format(position))
    (fault,) = refused(check, body, "a.kml")
    assert (fault.code, fault.where, fault.row, fault.id) == ("bad_geometry", "a.kml", 2, "p2")
    assert "地块2" in fault.zh and "地块2" in fault.en
    assert fault.value == shown
    assert fault.next_zh and fault.next_en
    file = zipped(tmp_path / "a.kmz", {"doc.kml": body.encode()})
    assert [fault.row for fault in refused(load, "parcels", file)] == [2]


EMPTY_KML = "<outerBoundaryIs><LinearRing><coordinates>{}</coordinates></LinearRing></outerBoundaryIs>"
WHOLE_KML = f"<Polygon>{EMPTY_KML.format(KML_GOOD)}</Polygon>"


@pytest.mark.parametrize(
    "shape",
    [
        "",
        "<Polygon/>",
        "<Polygon><outerBoundaryIs><LinearRing/></outerBoundaryIs></Polygon>",
        f"<Polygon>{EMPTY_KML.format('')}</Polygon>",
        f"<Polygon>{EMPTY_KML.format(' ')}</Polygon>",
        "<MultiGeometry/>",
        f"<MultiGeometry><Polygon>{EMPTY_KML.format('')}</Polygon></MultiGeometry>",
    ],
)
def test_a_placemark_without_any_position_is_a_rejected_row_and_the_next_is_answered(check, load, tmp_path, shape):
    body = kml(KML_GOOD, KML_GOOD).replace("<Placemark id=", f'<Placemark id="p0">{shape}</Placemark><Placemark id=', 1)
    found = check(body, "a.kml")
    assert [(fault.row, fault.id, fault.code) for fault in found.rejected] == [(1, "p0", "geometry_missing")]
    (file := tmp_path / "a.kml").write_text(body, "utf-8")
    features, report = load("heritage", file, quarantine=True)
    assert (features.ids, report.read, report.stored) == (("p1", "p2"), 3, 2)


@pytest.mark.parametrize(
    "shape",
    [
        WHOLE_KML.replace("</Polygon>", f"{EMPTY_KML.format('').replace('outer', 'inner')}</Polygon>"),
        WHOLE_KML.replace("</Polygon>", "<innerBoundaryIs><LinearRing/></innerBoundaryIs></Polygon>"),
        f"<MultiGeometry>{WHOLE_KML}<Polygon>{EMPTY_KML.format(' ')}</Polygon></MultiGeometry>",
        f"<MultiGeometry><Polygon/>{WHOLE_KML}</MultiGeometry>",
    ],
)
def test_a_hole_or_a_part_without_any_position_is_named(check, load, refused, tmp_path, shape):
    body = kml(KML_GOOD).replace("</Document>", f'<Placemark id="p2"><name>地块2</name>{shape}</Placemark></Document>')
    (fault,) = refused(check, body, "a.kml")
    assert (fault.code, fault.row, fault.id) == ("bad_geometry", 2, "p2")
    assert "地块2" in fault.zh and fault.value in ("<LinearRing>", "<Polygon>")
    (file := tmp_path / "a.kml").write_text(body, "utf-8")
    assert [fault.row for fault in refused(load, "heritage", file, quarantine=True)] == [2]


def test_each_placemark_with_a_bad_position_is_listed_also_without_name_and_id(check, refused):
    bad = KML_RING.format("113.06")
    faults = refused(check, kml(bad, KML_GOOD, bad, place="<Placemark>"), "a.kml")
    assert [(fault.row, fault.id) for fault in faults] == [(1, None), (3, None)]


def test_a_bad_position_of_a_track_and_outside_placemarks(check, refused):
    track = "<Placemark><gx:Track><gx:coord>113.05 36.25 0</gx:coord><gx:coord>113.O6 36.25</gx:coord></gx:Track>"
    (fault,) = refused(check, f"<kml><Document>{track}</Placemark></Document></kml>", "a.kml")
    assert (fault.row, fault.value) == (1, "113.O6,36.25")
    overlay = "<GroundOverlay><gx:LatLonQuad><coordinates>1</coordinates></gx:LatLonQuad></GroundOverlay>"
    (fault,) = refused(check, kml(KML_GOOD).replace("</Document>", f"{overlay}</Document>"), "a.kml")
    assert (fault.row, fault.id, fault.value) == (None, None, "1")


@pytest.mark.parametrize(
    "ring",
    [
        KML_GOOD,
        f"\n\t{KML_GOOD}\r\n".replace(" ", "\n   "),
        KML_GOOD.replace(",", ", "),
        KML_GOOD.replace(",", " ,\n"),
        KML_GOOD.replace(" ", ",0 ").replace(",", ", ") + ",0",
        KML_GOOD.replace("113.06,36.26", "+1.1306e2,36.26<!-- corner -->,900.5"),
        f"<![CDATA[{KML_GOOD}]]>",
    ],
)
def test_positions_of_a_kml_in_every_honest_spelling(check, ring):
    found = check(kml(ring), "a.kml")
    assert (found.rejected, found.report.repairs) == ((), ())
    corners = {(113.05, 36.25), (113.06, 36.25), (113.06, 36.26), (113.05, 36.26)}
    assert set(found.parcels[0][1].geometry.exterior.coords) == corners


def test_a_kml_that_is_cut_off_is_refused(check, refused):
    (fault,) = refused(check, kml(KML_GOOD, KML_GOOD)[:-60], "a.kml")
    assert fault.code == "file_unreadable"


def test_a_folder_and_a_missing_file(load, refused, tmp_path):
    assert [fault.code for fault in refused(load, "parcels", tmp_path)] == ["folder_given"]
    assert [fault.code for fault in refused(load, "parcels", tmp_path / "no.gpkg")] == ["file_missing"]


# DXF


CORNERS = square(X, Y, 100)[0][:-1]


def drawn(file, *draw):
    """Write a drawing of one good boundary, what each function draws, and one more good boundary."""
    write_dxf(file, [CORNERS])
    drawing = ezdxf.readfile(file)
    space = drawing.modelspace()
    for one in draw:
        one(space)
    space.add_lwpolyline([(x + 500, y) for x, y in CORNERS], close=True, dxfattribs={"layer": "红线"})
    drawing.saveas(file)
    return file


@pytest.mark.parametrize(
    ("draw", "kind"),
    [
        (lambda space: space.add_polymesh((3, 3)), "AcDbPolygonMesh"),
        (lambda space: cube().render_polyface(space), "AcDbPolyFaceMesh"),
    ],
    ids=["mesh", "faces"],
)
def test_a_mesh_beside_boundaries_is_left_out_and_told(check, load, tmp_path, draw, kind):
    file = drawn(tmp_path / "a.dxf", draw)
    features, report = load("parcels", file, crs="EPSG:4547")
    assert features.attributes["stage"] == (None, None)
    assert any(f"{kind} 1" in text for text in report.warnings)
    assert [row for row, _ in check(file, crs="EPSG:4547").parcels] == [1, 2]


def polyline(*vertices, **attributes):
    return lambda space: space.add_lwpolyline(
        vertices, format="xyb", close=True, dxfattribs={"layer": "坏线", **attributes}
    )


BOW = [(X, Y, 0), (X + 9, Y, 0), (X, Y + 9, 0)]


@pytest.mark.parametrize(
    ("draw", "code", "shown"),
    [
        (polyline((X, Y, 0), (math.nan, Y, 0), (X, Y + 9, 0)), "not_a_number", "vertex 2 [nan"),
        (polyline((math.nan, Y, 0), (X, Y, 0), (X, Y + 9, 0)), "not_a_number", "vertex 1 [nan"),
        (polyline((X, Y, 0), (X, math.inf, 0), (X, Y + 9, 0)), "not_a_number", "vertex 2"),
        (polyline((X, Y, 0), (X + 9, Y, math.nan), (X, Y + 9, 0)), "not_a_number", "vertex 2"),
        (polyline((X, Y, 0), (X + 9, Y, 1e300), (X, Y + 9, 0)), "bad_geometry", "1e+300"),
        (polyline((X, Y, 0), (X + 9, Y, -1e150), (X, Y + 9, 0)), "bad_geometry", "-1e+150"),
        (polyline((1e200, Y, 1), (X, Y, 1), (X, Y + 9, 1)), "bad_geometry", "1e+200"),
        (polyline(*BOW, extrusion=(0, math.nan, 1)), "not_a_number", "nan"),
        (
            lambda space: space.add_polyline2d(
                [(X, Y), (math.nan, Y), (X, Y + 9)], close=True, dxfattribs={"layer": "坏线"}
            ),
            "not_a_number",
            "vertex 2",
        ),
    ],
)
def test_a_polyline_that_cannot_be_drawn_is_named_and_the_others_are_answered(
    check, load, refused, tmp_path, draw, code, shown
):
    file = drawn(tmp_path / "a.dxf", draw)
    (fault,) = refused(load, "parcels", file, crs="EPSG:4547")
    assert (fault.code, fault.row) == (code, 2)
    assert "坏线" in fault.zh and "坏线" in fault.en
    assert fault.value.startswith("handle ") and shown in fault.value
    assert fault.next_zh and fault.next_en
    found = check(file, crs="EPSG:4547")
    assert [row for row, _ in found.parcels] == [1, 3]
    assert [fault.code for fault in found.rejected] == [code]


def test_an_arc_of_a_boundary_is_still_read(check, tmp_path):
    file = drawn(tmp_path / "a.dxf", polyline((X, Y, 1), (X + 20, Y, 1)))
    found = check(file, crs="EPSG:4547")
    assert found.rejected == ()
    assert found.parcels[1][1].geometry.area == pytest.approx(math.pi * 100, abs=2 * math.pi * 10 * ARC_DEVIATION)


# GeoPackage


def test_a_geopackage_of_several_layers_asks_which(load, refused, tmp_path):
    file = write_vector(tmp_path / "a.gpkg", SHAPES[:1], "GPKG", layer="甲", columns={"DKBH": ["1"]})
    write_vector(file, SHAPES[1:2], "GPKG", layer="乙", append=True, columns={"DKBH": ["2"]})
    (fault,) = refused(load, "parcels", file)
    assert fault.code == "several_layers"
    assert "乙" in fault.zh
    assert load("parcels", file, layer_name="乙")[0].ids == ("2",)


def test_a_filegdb_of_two_layers_asks_which(check, load, refused, tmp_path):
    for name, shapes in (("甲", SHAPES[:1]), ("乙", SHAPES[1:])):
        ids = {"DKBH": [f"{name}-{n}" for n in range(len(shapes))]}
        write_vector(tmp_path / "a.gdb", shapes, "OpenFileGDB", layer=name, append=name == "乙", columns=ids)
    file = zipped_folder(tmp_path / "a.gdb.zip", tmp_path / "a.gdb", "a.gdb/")
    for faults in (refused(check, file.read_bytes(), file.name), refused(load, "parcels", file)):
        (fault,) = faults
        assert fault.code == "several_layers"
        assert all(name in fault.zh and name in fault.en for name in ("甲", "乙"))
    for name, count in (("甲", 1), ("乙", 5)):
        features, report = load("parcels", file, layer_name=name)
        assert features.ids == tuple(f"{name}-{n}" for n in range(count))
        assert (report.layer, report.read, report.stored) == (name, count, count)
    (fault,) = refused(load, "parcels", file, layer_name="丙")
    assert (fault.code, fault.value) == ("no_such_layer", "丙")


LIES = {
    "index without rows": "DELETE FROM rtree_a_geom WHERE id > 2",
    "index of elsewhere": "UPDATE rtree_a_geom SET minx = 0, maxx = 1, miny = 0, maxy = 1",
    "index of more rows": "INSERT INTO rtree_a_geom VALUES (99, 0, 1, 0, 1)",
    "index gone": "DROP TABLE rtree_a_geom",
    "fewer rows": "UPDATE gpkg_ogr_contents SET feature_count = 2",
    "no rows": "UPDATE gpkg_ogr_contents SET feature_count = 0",
    "more rows": "UPDATE gpkg_ogr_contents SET feature_count = 1000000000",
    "no number of rows": "UPDATE gpkg_ogr_contents SET feature_count = 'many'",
    "count gone": "DROP TABLE gpkg_ogr_contents",
    "extent of elsewhere": "UPDATE gpkg_contents SET min_x = 0, min_y = 0, max_x = 1, max_y = 1",
}


@pytest.mark.parametrize("lie", LIES)
def test_a_geopackage_that_lies_about_its_rows(check, load, tmp_path, lie):
    ids = tuple(f"A-{n}" for n in range(50))
    shapes = [shapely.Polygon(square(X + 200 * n, Y, 100)[0]) for n in range(50)]
    file = altered(write_vector(tmp_path / "a.gpkg", shapes, "GPKG", columns={"DKBH": list(ids)}), LIES[lie])
    features, report = load("parcels", file)
    assert (features.ids, report.read, report.stored) == (ids, 50, 50)
    assert all(shape.equals(wanted) for shape, wanted in zip(features.geometries, shapes, strict=True))
    assert len(check(file.read_bytes(), file.name).parcels) == 50


#: What is asked of a database when it is read; anything else writes, or is a program of the file's own.
ASKED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_PRAGMA, sqlite3.SQLITE_FUNCTION}


def test_no_trigger_and_no_view_of_a_geopackage_is_ever_run(load, refused, tmp_path, monkeypatch):
    raising = "abs(-9223372036854775808)"
    armed = [
        f"CREATE TRIGGER {table}_{how}_{when} {when} {how} ON {table} "
        "BEGIN INSERT INTO told VALUES (1); SELECT RAISE(ABORT, 'a trigger ran'); END"
        for table in ("a", "gpkg_contents", "gpkg_geometry_columns", "gpkg_ogr_contents", "gpkg_spatial_ref_sys")
        for how in ("INSERT", "UPDATE", "DELETE")
        for when in ("BEFORE", "AFTER")
    ]
    file = altered(
        write_vector(tmp_path / "a.gpkg", SHAPES, "GPKG", columns=NAMES),
        f"CREATE VIEW b AS SELECT *, {raising} AS c FROM a",
        "INSERT INTO gpkg_contents (table_name, data_type, srs_id) VALUES ('b', 'features', 4547)",
        "INSERT INTO gpkg_geometry_columns VALUES ('b', 'geom', 'POLYGON', 4547, 0, 0)",
        "CREATE TABLE told (times)",
        "CREATE TRIGGER b_INSERT INSTEAD OF INSERT ON b BEGIN SELECT RAISE(ABORT, 'a trigger ran'); END",
        *armed,
    )
    with closing(sqlite3.connect(file)) as database:
        for table in ("a", "gpkg_contents", "gpkg_spatial_ref_sys", "gpkg_ogr_contents"):
            with pytest.raises(sqlite3.IntegrityError, match="a trigger ran"):
                database.execute(f"DELETE FROM {table}")
        with pytest.raises(sqlite3.OperationalError, match="overflow"):
            database.execute("SELECT * FROM b").fetchall()
    content = file.read_bytes()
    assert load("parcels", file)[0].ids == tuple(NAMES["DKBH"])
    (fault,) = refused(load, "parcels", file, layer_name="b")
    assert fault.code == "no_such_layer"

    # The same in this process, where every step of a statement can be seen.
    connect, seen, sources = sqlite3.connect, set(), set()

    def watched(*arguments, **options):
        database = connect(*arguments, **options)

        def asked(action, _one, _two, _database, source):
            seen.add(action)
            sources.add(source)
            return sqlite3.SQLITE_OK

        database.set_authorizer(asked)
        return database

    monkeypatch.setattr(sqlite3, "connect", watched)
    assert len(geopackage.read(file, file.name, None).rows) == 6
    assert sqlite3.SQLITE_READ in seen and seen <= ASKED
    assert sources == {None}
    assert file.read_bytes() == content and [path.name for path in tmp_path.iterdir()] == ["a.gpkg"]


def test_a_geopackage_of_nothing_but_a_view_has_no_layer(load, refused, tmp_path):
    file = write_vector(tmp_path / "a.gpkg", SHAPES, "GPKG", columns=NAMES)
    altered(file, "ALTER TABLE a RENAME TO b", "CREATE VIEW a AS SELECT * FROM b")
    assert [fault.code for fault in refused(load, "parcels", file)] == ["no_layers"]


def test_a_view_is_no_layer_and_a_plain_database_is_no_geopackage(load, refused, tmp_path):
    file = write_vector(tmp_path / "a.gpkg", SHAPES, "GPKG", columns=NAMES)
    with sqlite3.connect(file) as database:
        database.execute("CREATE VIEW b AS SELECT * FROM a")
        database.execute("INSERT INTO gpkg_contents (table_name, data_type, srs_id) VALUES ('b', 'features', 4547)")
        database.execute("INSERT INTO gpkg_geometry_columns VALUES ('b', 'geom', 'POLYGON', 4547, 0, 0)")
    database.close()
    assert len(load("parcels", file)[0]) == 6
    other = tmp_path / "b.gpkg"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE a (b)")
    database.close()
    assert [fault.code for fault in refused(load, "parcels", other)] == ["file_unreadable"]


def test_a_damaged_geopackage(load, refused, tmp_path):
    file = write_vector(tmp_path / "a.gpkg", SHAPES, "GPKG", columns=NAMES)
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    assert [fault.code for fault in refused(load, "parcels", file)] == ["file_unreadable"]


def geopackage_row(change):
    def write(folder):
        blob = b"GP\x00\x01" + struct.pack("<i", 4547) + shapely.to_wkb(SHAPES[1], byte_order=1)
        file = write_vector(folder / "a.gpkg", SHAPES, "GPKG", columns=NAMES)
        return altered(file, "UPDATE a SET geom = ? WHERE fid = 2", values=(change(blob),))

    return write


def table_row(text):
    def write(folder):
        rows = "".join(f'A-{n},"{text if n == 1 else shape.wkt}"\n' for n, shape in enumerate(SHAPES))
        (file := folder / "a.csv").write_text(f"DKBH,WKT\n{rows}")
        return file

    return write


def shapefile_row(change):
    def write(folder):
        file = write_vector(folder / "a.shp", SHAPES, "ESRI Shapefile", columns=NAMES, encoding="GBK")
        data = bytearray(file.read_bytes())
        start = 108 + 2 * struct.unpack(">i", data[104:108])[0]
        end = start + 8 + 2 * struct.unpack(">i", data[start + 4 : start + 8])[0]
        data[start + 8 : end] = change(data[start + 8 : end])
        file.write_bytes(data)
        return file

    return write


NAN = struct.pack("<d", math.nan)


@pytest.mark.parametrize(
    ("write", "codes"),
    [
        (geopackage_row(lambda blob: None), {"geometry_missing"}),
        (geopackage_row(lambda blob: blob[:60]), {"bad_geometry"}),
        (geopackage_row(lambda blob: b"nothing of the kind"), {"bad_geometry"}),
        (geopackage_row(lambda blob: blob[:-48] + NAN + blob[-40:]), {"not_a_number"}),
        (geopackage_row(lambda blob: SHAPES[1].wkt), {"bad_geometry"}),
        (geopackage_row(lambda blob: blob[8:].hex()), {"bad_geometry"}),
        (geopackage_row(lambda blob: 1.5), {"bad_geometry"}),
        (table_row("POLYGON ((1 2"), {"bad_geometry"}),
        (table_row(""), {"geometry_missing"}),
        (table_row("POLYGON ((414300 nan, 414400 4013200, 414400 4013300, 414300 nan))"), {"bad_geometry"}),
        (table_row("POLYGON ((414300 inf, 414400 4013200, 414400 4013300, 414300 inf))"), {"not_a_number"}),
        (shapefile_row(lambda shape: bytes(len(shape))), {"geometry_missing"}),
        (shapefile_row(lambda shape: shape[:-32] + NAN + shape[-24:]), {"not_a_number"}),
    ],
    ids=[
        *(f"GeoPackage {what}" for what in ("null", "cut", "junk", "NaN", "text", "hexadecimal", "number")),
        *(f"CSV {what}" for what in ("cut", "empty", "NaN", "infinite")),
        *(f"shapefile {what}" for what in ("null", "NaN")),
    ],
)
def test_a_row_without_a_shape_that_can_be_read_is_listed_and_none_is_lost(load, refused, tmp_path, write, codes):
    file = write(tmp_path)
    crs = "EPSG:4547" if file.suffix == ".csv" else None
    assert [(fault.row, fault.code) for fault in refused(load, "parcels", file, crs=crs)] == [(2, *codes)]
    features, report = load("parcels", file, crs=crs, quarantine=True)
    assert [(fault.row, fault.code) for fault in report.rejected] == [(2, *codes)]
    assert (report.read, report.stored, report.deleted) == (6, 5, 0)
    assert features.ids == ("A-0", "A-2", "A-3", "A-4", "A-5")
    assert np.isfinite(shapely.get_coordinates(features.geometries)).all()


@pytest.mark.parametrize("srs", [0, -1, 4_242])
def test_a_geopackage_or_a_table_without_a_crs_means_no_guess(load, refused, tmp_path, srs):
    file = write_vector(tmp_path / "a.gpkg", SHAPES, "GPKG", columns=NAMES)
    altered(file, "UPDATE gpkg_geometry_columns SET srs_id = ?", values=(srs,))
    table = table_row(SHAPES[1].wkt)(tmp_path)
    for given in (file, table):
        assert [fault.code for fault in refused(load, "parcels", given)] == ["crs_missing"]
        assert load("parcels", given, crs="EPSG:4547")[1].crs_how == "option"


# Zip files


def symlink():
    info = zipfile.ZipInfo("a.geojson")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["../a.geojson"], "zip_unsafe_name"),
        (["/etc/a.geojson"], "zip_unsafe_name"),
        (["x\\..\\a.geojson"], "zip_unsafe_name"),
        (["C:/a.geojson"], "zip_unsafe_name"),
        ([symlink()], "zip_symlink"),
        ([f"{i}.prj" for i in range(1001)], "zip_too_many"),
        (["a.geojson", "A.GeoJSON"], "zip_duplicate"),
        (["readme.md"], "no_layers"),
        (["a.geojson", "b.geojson"], "several_layers"),
    ],
)
def test_zips_that_are_refused(check, refused, tmp_path, names, code):
    body = json.dumps(feature(square(LON, LAT, 0.001)))
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, body)
    before = set(tmp_path.parent.rglob("a.geojson"))
    (fault,) = refused(check, file.read_bytes(), "a.zip")
    assert fault.code == code
    assert set(tmp_path.parent.rglob("a.geojson")) == before


def test_a_zip_bomb_is_refused_at_once(check, refused, tmp_path):
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.geojson", b" " * 50_000_000)
    began = time.monotonic()
    (fault,) = refused(check, file.read_bytes(), "a.zip")
    assert fault.code == "zip_bomb"
    assert time.monotonic() - began < AT_ONCE_S


def test_damaged_and_encrypted_zips(check, refused, tmp_path):
    file = zipped(tmp_path / "a.zip", {"a.geojson": json.dumps(feature(square(LON, LAT, 0.001))).encode()})
    data = bytearray(file.read_bytes())
    flipped = bytearray(data)
    flipped[60] ^= 0xFF
    assert [fault.code for fault in refused(check, bytes(flipped), "a.zip")] == ["zip_damaged"]
    assert [fault.code for fault in refused(check, bytes(data[:-30]), "a.zip")] == ["zip_damaged"]
    central = data.index(b"PK\x01\x02")
    for at in (6, central + 8):
        data[at] |= 1
    assert [fault.code for fault in refused(check, bytes(data), "a.zip")] == ["zip_encrypted"]


TABLE = "宗地编号,WKT\n" + "".join(f'T-{n},"{shape.wkt}"\n' for n, shape in enumerate(SHAPES))
LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"


def deflated(**members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.csv", content)
    return bytearray(out.getvalue())


#: Where the header before a member, and the list at the end, say: flags, method, CRC, packed size, whole size.
BEFORE = {"flags": 6, "method": 8, "crc": 14, "packed": 18, "whole": 22}
LISTED = {"flags": 8, "method": 10, "crc": 16, "packed": 20, "whole": 24}


@pytest.mark.parametrize("field", BEFORE)
def test_a_member_whose_header_contradicts_the_list_is_refused(check, refused, field):
    assert len(check(bytes(deflated(a=TABLE)), "a.zip", crs="EPSG:4547").parcels) == 6
    data = deflated(a=TABLE)
    data[BEFORE[field]] ^= 1
    assert [fault.code for fault in refused(check, bytes(data), "a.zip", crs="EPSG:4547")] == ["zip_damaged"]


@pytest.mark.parametrize(("field", "change"), [("packed", -100), ("packed", 100), ("whole", -1), ("whole", 1)])
def test_a_size_that_is_a_lie_in_both_places_is_refused(check, refused, field, change):
    data = deflated(a=TABLE)
    for at in (BEFORE[field], data.index(CENTRAL) + LISTED[field]):
        data[at : at + 4] = struct.pack("<I", struct.unpack("<I", data[at : at + 4])[0] + change)
    assert [fault.code for fault in refused(check, bytes(data), "a.zip", crs="EPSG:4547")] == ["zip_damaged"]


def test_what_was_packed_while_it_was_sent_has_its_sizes_behind_it(check):
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

        def tell(self):
            raise OSError

    out = Pipe()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.csv", "w") as member:
        member.write(TABLE.encode())
    assert out.getvalue()[BEFORE["flags"]] & 8
    assert len(check(out.getvalue(), "a.zip", crs="EPSG:4547").parcels) == 6


def test_members_over_each_other_are_refused(check, refused):
    # Two of the list are one of the file: the second begins where the first does, or within it.
    for inside in (0, 40):
        data = deflated(a=TABLE, b=TABLE)
        second = data.index(CENTRAL, data.index(CENTRAL) + 1)
        data[second + 42 : second + 46] = struct.pack("<I", inside)
        (fault,) = refused(check, bytes(data), "a.zip", crs="EPSG:4547")
        assert fault.code == "zip_overlap"


def test_a_zip_in_a_zip_is_not_opened(check, refused, tmp_path):
    inner = bytes(deflated(a=TABLE))
    for name, code in (("b.zip", "no_layers"), ("b.csv", "unsupported_format")):
        file = zipped(tmp_path / "a.zip", {name: inner})
        assert [fault.code for fault in refused(check, file.read_bytes(), "a.zip", crs="EPSG:4547")] == [code]


def test_what_lies_in_a_zip_and_is_never_read_is_told(check, shapefile, tmp_path):
    whole = {part.name: part.read_bytes() for part in shapefile.parent.iterdir()}
    beside = {f"{shapefile.stem}.sbn": b"x", f"{shapefile.stem}.shp.xml": b"<x/>", ".DS_Store": b"x"}
    others = {"红线/总图.dwg": b"AC1032", "more.kmz": b"PK\x03\x04", "说明": b"x"}
    for added, told in (({}, ()), (beside, ()), (beside | others, tuple(sorted(others)))):
        file = zipped(tmp_path / "a.zip", whole | added)
        notes = check(file.read_bytes(), "a.zip").report.notes
        assert [note for note in notes if "压缩包" in note] == [
            f"压缩包内未读取：{', '.join(names)} / not read in the zip: {', '.join(names)}"
            for names in filter(None, (told,))
        ]


def test_members_that_together_unpack_to_too_much_are_refused_by_what_they_say(check, refused):
    data = deflated(**{f"m{n}": b"" for n in range(9)})
    at = -1
    for _ in range(9):
        at = data.index(CENTRAL, at + 1)
        # Each by itself is within bounds: 250 MB out of 2 MB.
        data[at + LISTED["packed"] : at + LISTED["packed"] + 8] = struct.pack("<II", 2_000_000, 250_000_000)
    assert [fault.code for fault in refused(check, bytes(data), "a.zip")] == ["zip_bomb"]


def test_two_shapefiles_in_a_zip_ask_which(check, load, refused, shapefile, tmp_path):
    for part in list(shapefile.parent.iterdir()):
        shutil.copy(part, part.with_name("另一批" + part.suffix))
    file = zipped_folder(tmp_path / "a.zip", shapefile.parent)
    (fault,) = refused(check, file.read_bytes(), "a.zip")
    assert fault.code == "several_layers"
    assert "另一批" in fault.zh
    assert load("parcels", file, layer_name="另一批")[1].layer == "另一批"


def data_sets(folder, shapefile):
    """Return parcels in each format, ready to be zipped, by a name: each data set has others than the shapefile."""
    parts = {f"a{part.suffix}": part for part in sorted(shapefile.parent.iterdir())}
    other = shapely.Polygon(square(X, Y + 1000, 100)[0])
    (folder / "other.gdb").mkdir()
    write_vector(folder / "other.gdb" / "b.gdb", [other], "OpenFileGDB", columns={"DKBH": ["B-1"]}, layer="b")
    return {
        "shp": parts,
        "geojson": {"b.geojson": json.dumps(feature(square(LON, LAT, 0.001), properties={"DKBH": "B-1"})).encode()},
        "json": {"a.json": json.dumps(feature(square(LON, LAT, 0.001), properties={"DKBH": "B-1"})).encode()},
        "txt": {"界址.txt": EXAMPLE.encode("gbk")},
        "gpkg": {"a.gpkg": write_vector(folder / "b.gpkg", [other], "GPKG", columns={"DKBH": ["B-1"]})},
        "csv": {"点.csv": f'编号,WKT\nB-1,"{other.wkt}"\n'.encode("gbk")},
        "xy": {"点.txt": "编号\tX\tY\nB-1\t414300\t4013200\n".encode("gbk")},
        "gdb": {f"b.gdb/{part.name}": part for part in sorted((folder / "other.gdb" / "b.gdb").iterdir())},
        "damaged": {"b.geojson": b""},
    }


@pytest.mark.parametrize(
    ("kinds", "names"),
    [
        (("shp", "geojson"), ("a", "b")),
        (("shp", "txt"), ("a", "界址")),
        (("shp", "gpkg"), ("a.shp", "a.gpkg")),
        (("shp", "json"), ("a.shp", "a.json")),
        (("shp", "csv"), ("a", "点")),
        (("shp", "xy"), ("a", "点")),
        (("shp", "gdb"), ("a", "b")),
        (("shp", "damaged"), ("a", "b")),
        (("gpkg", "json"), ("a.gpkg", "a.json")),
        (("geojson", "txt"), ("b", "界址")),
        (("txt", "csv"), ("界址", "点")),
    ],
)
def test_a_zip_of_several_data_sets_asks_which(check, load, refused, shapefile, tmp_path, kinds, names):
    found = data_sets(tmp_path, shapefile)
    for order in (kinds, kinds[::-1]):
        file = zipped(tmp_path / "a.zip", {name: part for kind in order for name, part in found[kind].items()})
        for faults in (refused(check, file.read_bytes(), "a.zip"), refused(load, "parcels", file)):
            (fault,) = faults
            assert fault.code == "several_layers"
            assert all(name in fault.zh and name in fault.en for name in names)
            assert "--layer-name" in fault.next_zh and "--layer-name" in fault.next_en
    (fault,) = refused(load, "parcels", file, layer_name="c")
    assert fault.code == "no_such_layer"


def test_each_data_set_of_a_zip_can_be_named_and_the_others_are_said_to_be_left(load, shapefile, tmp_path):
    found = data_sets(tmp_path, shapefile)
    members = {name: part for kind in ("shp", "gpkg", "txt") for name, part in found[kind].items()}
    file = zipped(tmp_path / "a.zip", members)
    for name, ids, left in (
        ("a.shp", tuple(NAMES["DKBH"]), ("a.gpkg", "界址.txt")),
        ("a.gpkg", ("B-1",), ("a.shp", "界址.txt")),
        ("界址.txt", ("CZGX-2024-001", "CZGX-2024-002"), ("a.shp", "a.gpkg")),
    ):
        features, report = load("parcels", file, layer_name=name)
        assert features.ids == ids
        assert all(other in "".join(report.notes) for other in left)


def test_the_command_takes_the_name_of_a_data_set(shapefile, tmp_path, capsys):
    found = data_sets(tmp_path, shapefile)
    file = zipped(tmp_path / "a.zip", found["shp"] | found["gpkg"])
    folder = Workspace.create(tmp_path / "ws", as_of=date(2026, 11, 1)).directory
    command = ["import", "parcels", str(file), "--dry-run", "--anywhere", "--workspace", str(folder)]
    with pytest.raises(SystemExit) as left:
        main(command)
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert "several_layers" in said and "a.gpkg, a.shp" in said
    with pytest.raises(SystemExit) as left:
        main([*command, "--layer-name", "a.gpkg"])
    assert left.value.code in (None, 0)
    assert "a.shp" in capsys.readouterr().out


def test_files_of_one_name_in_two_folders_are_told_apart(load, refused, shapefile, tmp_path):
    members = {
        f"{folder}/a{part.suffix}": part for folder in ("甲", "乙") for part in sorted(shapefile.parent.iterdir())
    }
    file = zipped(tmp_path / "a.zip", members)
    (fault,) = refused(load, "parcels", file)
    assert fault.code == "several_layers"
    assert "甲/a.shp" in fault.zh and "乙/a.shp" in fault.zh
    assert len(load("parcels", file, layer_name="乙/a.shp")[0]) == 6


def test_what_lies_beside_a_data_set_in_a_zip_does_not_matter(check, load, shapefile, tmp_path):
    found = data_sets(tmp_path, shapefile)
    beside = {
        "readme.txt": b"Parcels of the east, as surveyed in 2024; see a.shp",
        "说明.txt": "[说明]\n本批地块，共六宗".encode("gbk"),
        "字段.csv": "字段,含义\nDKBH,地块编号\n".encode("gbk"),
        "style.json": b'{"version": 8, "sources": {}, "layers": []}',
        "a.shp.xml": b"<metadata/>",
        "a.sbn": b"\x00\x00\x27\x0a",
        "a.qpj": b"PROJCS[]",
        "scan.png": b"\x89PNG",
        "scan.tif.ovr": b"II*\x00",
        "scan.tif": write_grid(tmp_path / "a.tif", np.ones((4, 4), np.float32), x=X, y=Y, cell=5, crs="EPSG:4547"),
    }
    for kind, ids in (("shp", NAMES["DKBH"]), ("txt", ["CZGX-2024-001", "CZGX-2024-002"]), ("json", ["B-1"])):
        file = zipped(tmp_path / "a.zip", beside | found[kind])
        assert [parcel.id for _, parcel in check(file.read_bytes(), "a.zip").parcels] == ids
        features, report = load("parcels", file)
        assert list(features.ids) == ids
        assert "readme.txt" in "".join(report.notes) and "style.json" in "".join(report.notes)
        assert report.warnings == ()
    grid, report = load("ground_elevation", file)
    assert grid.values.shape == (4, 4)
    (told,) = (note for note in report.notes if "压缩包" in note)
    assert {"readme.txt", "scan.png", "字段.csv"} < set(told.partition(" / ")[0].partition("：")[2].split(", "))
    assert "scan.tif" not in told and "a.qpj" not in told


def test_a_txt_in_a_zip_with_a_name_of_chinese_windows(check, tmp_path):
    file = tmp_path / "a.zip"
    name = "界址点.txt".encode("gbk").decode("cp437")
    with zipfile.ZipFile(file, "w") as archive:
        info = zipfile.ZipInfo("x" * len(name.encode("cp437")))
        archive.writestr(info, EXAMPLE.replace("CZGX-2024-002", "CZGX-2024-001").encode("gbk"))
    data = file.read_bytes().replace(b"x" * len(name.encode("cp437")), name.encode("cp437"))
    found = check(data, "a.zip")
    assert [parcel.id for _, parcel in found.parcels] == ["界址点-1", "界址点-2"]


# Geometry that would never end


def star(n, k):
    points = [
        (X + 100 * math.cos(2 * math.pi * i * k / n), Y + 100 * math.sin(2 * math.pi * i * k / n)) for i in range(n)
    ]
    return [[*points, points[0]]]


def comb(teeth, upright=True):
    points = [(0, 0)]
    for i in range(teeth):
        points += [(i, 1000), (i + 0.5, 1000), (i + 0.5, 1), (i + 1, 1)]
    points[-1] = (teeth - 0.5, 0)
    points = [(X + x, Y + y) if upright else (X + y, Y + x) for x, y in [*points, points[0]]]
    return [points]


def circle(count, noise=0.0):
    angles, rng = np.linspace(0, 2 * math.pi, count)[:-1], np.random.default_rng(1)
    far = 1000 + noise * rng.standard_normal((2, len(angles)))
    ring = np.column_stack([X + far[0] * np.cos(angles), Y + far[1] * np.sin(angles)]).round(4).tolist()
    return [[*ring, ring[0]]]


def bombs():
    rng = np.random.default_rng(3)
    ring = (rng.random((500, 2)) * 1000 + (X, Y)).round(3).tolist()
    bow = [(X, Y), (X + 100, Y + 100), (X + 100, Y), (X, Y + 100)] * 10_000
    back = [(X + (i % 2) * 1000 - i * 0.01, Y) for i in range(5000)]
    zigzag = [(X + 1000 * (i % 2), Y + i) for i in range(100)] + [(X + 100 - i, Y + 1000 * (i % 2)) for i in range(100)]
    spiral = [(X + (100 + i % 7) * math.cos(i / 100), Y + (100 + i % 7) * math.sin(i / 100)) for i in range(20_000)]
    nested = [square(X + i * 0.001, Y + i * 0.001, 1000 - 2 * i * 0.001)[0] for i in range(5000)]
    for count in (101, 201, 301):
        yield f"star {count}", "Polygon", star(count, count // 2)
    yield "random", "Polygon", [[*ring, ring[0]]]
    yield "bow-tie repeated", "Polygon", [[*bow, bow[0]]]
    # As many vertices as a boundary may have.
    yield "bow-tie repeated to the limit", "Polygon", [[*(bow * 3)[: gate.MAX_VERTICES - 4], bow[0]]]
    yield "back and forth", "Polygon", [[*back, back[0]]]
    yield "zigzag", "Polygon", [[*zigzag, zigzag[0]]]
    yield "spiral", "Polygon", [[*spiral, spiral[0]]]
    yield "noisy circle", "Polygon", circle(20_000, noise=1)
    yield "comb over a comb", "MultiPolygon", [comb(500), comb(500, upright=False)]
    for count in (300, 2_000):
        over = [square(X + i / 10, Y + i / 10, 50) for i in range(count)]
        yield f"parts over each other {count}", "MultiPolygon", over
    for count in (300, 1_900):
        over = [square(X + 10 + i / 10, Y + 10 + i / 10, 50)[0] for i in range(count)]
        yield f"holes over each other {count}", "Polygon", [square(X, Y, 1000)[0], *over]
    yield "nested holes", "Polygon", nested
    yield "many vertices", "Polygon", circle(120_000)


#: Of computing, not of waiting for a processor; what the gate has to do takes a tenth or two of it.
QUICK_S = 1.0


@pytest.fixture
def quickly(check):
    """Processes that read, of which none computes for long, nor ends."""
    check(EXAMPLE)

    @contextmanager
    def found():
        readers = READERS.idle()
        before = sum(map(computed_s, readers))
        yield
        assert set(READERS.idle()) == set(readers)
        assert sum(map(computed_s, readers)) - before < QUICK_S

    return found


@pytest.mark.parametrize(("kind", "coordinates"), [pytest.param(*more, id=name) for name, *more in bombs()])
def test_a_geometry_bomb_is_refused_in_time(check, load, quickly, tmp_path, kind, coordinates):
    body = json.dumps(collection(feature(coordinates, kind), feature(square(X, Y, 100)), crs="EPSG:4547")).encode()
    with quickly():
        found = check(body, "a.geojson")
    assert [(fault.row, fault.code) for fault in found.rejected] == [(1, "geometry_too_complex")]
    assert [row for row, _ in found.parcels] == [2]
    file = tmp_path / "a.geojson"
    file.write_bytes(body)
    with quickly(), pytest.raises(TooComplex):
        load("farmland", file)


def nested_parts(count):
    """Frames, each in the hole of the one before: nothing is wrong with them but their number."""
    inwards = [(X + i * 0.01, Y + i * 0.01, 1000 - i * 0.02) for i in range(2 * count)]
    rings = [square(*place)[0] for place in inwards]
    return [list(pair) for pair in zip(rings[::2], rings[1::2], strict=True)]


def nested_holes(count):
    return [square(X, Y, 1000)[0], *(square(X + i * 0.1, Y + i * 0.1, 1000 - i * 0.2)[0] for i in range(1, count + 1))]


def crowds():
    yield pytest.param(nested_parts(4_999), "MultiPolygon", id="parts, each in the hole of another")
    yield pytest.param([nested_holes(1_998)] * 10, "MultiPolygon", id="parts whose holes lie in each other")
    yield pytest.param(nested_holes(1_998), "Polygon", id="holes in each other")
    slanting = [(X + i * 0.1, Y) for i in range(5_000)]
    strips = [[[[x, y], [x + 1000, y + 1000], [x + 1000.05, y + 1000], [x + 0.05, y], [x, y]]] for x, y in slanting]
    yield pytest.param(strips, "MultiPolygon", id="slanting strips")


@pytest.mark.parametrize(("coordinates", "kind"), list(crowds()))
def test_rings_that_crowd_each_other_are_refused_by_the_gate_and_the_row_beside_them_is_answered(
    check, quickly, coordinates, kind
):
    geometry = shapely.from_geojson(json.dumps({"type": kind, "coordinates": coordinates}))
    fault = gate.refused(geometry, GeometryKind.POLYGON, 1)
    assert fault is not None and fault.code == "geometry_too_complex" and str(gate.MAX_PAIRS) in (fault.value or "")
    body = json.dumps(collection(feature(coordinates, kind), feature(square(X, Y, 100)), crs="EPSG:4547")).encode()
    with quickly():
        found = check(body, "a.geojson")
    assert [(fault.row, fault.code) for fault in found.rejected] == [(1, "geometry_too_complex")]
    assert [row for row, _ in found.parcels] == [2]


def test_many_rings_that_keep_apart_or_lie_in_each_other_as_far_as_land_does_pass(check):
    def apart(count, step, size):
        return [square(X + step * (i % 50), Y + step * (i // 50), size) for i in range(count)]

    with_holes = [[*outer, square(outer[0][0][0] + 1, outer[0][0][1] + 1, 3)[0]] for outer in apart(2_000, 10, 5)]
    rows = [
        feature(apart(5_000, 10, 5), "MultiPolygon"),
        feature(with_holes, "MultiPolygon"),
        feature([square(X - 10, Y - 10, 1_000)[0], *(ring for (ring,) in apart(1_900, 15, 10))]),
        feature(nested_parts(250), "MultiPolygon"),
    ]
    found = check(json.dumps(collection(*rows, crs="EPSG:4547")).encode(), "a.geojson")
    assert not found.rejected
    areas = [parcel.geometry.area for _, parcel in found.parcels]
    assert areas[:3] == pytest.approx([5_000 * 25, 2_000 * (25 - 9), 1_000_000 - 1_900 * 100], rel=1e-6)


@pytest.mark.parametrize(
    ("coordinates", "area"), [(circle(99_999), math.pi * 1e6), (comb(5_000), 5_000 * 0.5 * 999 + 4_999.5)]
)
def test_an_honest_polygon_of_very_many_vertices_passes_quickly(check, quickly, coordinates, area):
    crs = {"type": "name", "properties": {"name": "EPSG:4547"}}
    with quickly():
        found = check(json.dumps(feature(coordinates, crs=crs)).encode(), "a")
    assert found.parcels[0][1].geometry.area == pytest.approx(area, rel=1e-6)


def test_crossings_are_counted_exactly_when_there_are_few():
    assert crossings(shapely.Polygon(star(5, 2)[0])).count == 5
    assert crossings(shapely.Polygon(star(21, 10)[0])).count == 21 * 9
    assert crossings(shapely.Polygon(square(38_414_300, Y, 0.5)[0])).count == 0
    assert crossings(shapely.Polygon([(0, 0), (4, 0), (2, 0), (2, 2)])).count == 1


def test_after_all_this_a_good_file_is_still_read(check):
    assert len(check(EXAMPLE).parcels) == 2
