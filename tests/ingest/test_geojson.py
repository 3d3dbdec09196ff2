"""GeoJSON from anyone: read strictly, placed, refused with the cause."""

from __future__ import annotations

import json
import time

import pytest
import shapely

from geo_service import ingest
from geo_service.errors import InputError
from geo_service.ingest.formats import geojson
from geo_service.projection import lon_lat
from tests.ingest.samples import LAT, LON, X, Y, collection, feature, shared, square
from tests.ingest.writing import zipped


@pytest.fixture
def post(catalogue, jurisdiction):
    """Read a body as the check does."""

    def run(body, **options):
        data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        rules = options.pop("jurisdiction", jurisdiction)
        return ingest.read_geojson_bytes(data, catalogue, rules, parcels_spec=catalogue.layers["parcels"], **options)

    return run


def test_a_bare_geometry_a_feature_and_a_collection(post):
    ring = square(LON, LAT, 0.001)
    bare = post({"type": "Polygon", "coordinates": ring})
    one = post(feature(ring, id="A-1"))
    two = post(collection(feature(ring, properties={"宗地编号": "B-1", "名称": "甲"}, id=7), feature(ring)))
    assert [(row, parcel.id, parcel.crs) for row, parcel in bare.parcels] == [(1, "check-1", "OGC:CRS84")]
    assert one.parcels[0][1].id == "A-1"
    assert [(parcel.id, parcel.name) for _, parcel in two.parcels] == [("B-1", "甲"), ("check-2", None)]


def test_metres_with_a_crs_member_or_an_option(post):
    ring = square(X, Y, 100)
    for body, options in (
        (collection(feature(ring), crs="urn:ogc:def:crs:EPSG::4547"), {}),
        (feature(ring, crs={"type": "name", "properties": {"name": "EPSG:4547"}}), {}),
        (feature(ring), {"crs": "EPSG:4547"}),
    ):
        (_, parcel) = post(body, **options).parcels[0]
        assert (parcel.crs, round(parcel.geometry.area, 6)) == ("EPSG:4547", 10_000)


@pytest.mark.parametrize(
    ("ring", "crs", "code"),
    [
        (square(LAT, LON, 0.001), None, "axes_swapped"),
        (square(X, Y, 100), None, "metres_as_degrees"),
        (square(LON, LAT, 0.001), "EPSG:4547", "degrees_as_metres"),
        (square(X + 38e6, Y, 100), "EPSG:4527", "wrong_zone"),
        (square(X + 38e6, Y, 100), "EPSG:4547", "wrong_zone"),
        (square(X, Y, 100), "EPSG:4526", "wrong_zone"),
        (square(Y, X, 100), "EPSG:4547", "axes_swapped"),
        (square(13.0, 52.5, 0.001), None, "outside_jurisdiction"),
    ],
)
def test_coordinates_that_cannot_be_name_their_cause(post, ring, crs, code):
    (fault,) = post(feature(ring), crs=crs).rejected
    assert (fault.code, fault.row) == (code, 1)
    assert fault.next_zh


def test_a_layer_of_swapped_rows_is_one_clear_refusal(load, refused, tmp_path):
    file = tmp_path / "a.geojson"
    file.write_text(json.dumps(collection(*(feature(square(LAT, LON + i / 100, 0.001)) for i in range(50)))))
    (fault,) = refused(load, "farmland", file)
    assert fault.code == "axes_swapped"
    assert "全部50行" in fault.zh


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:2380", "EPSG:32649", "nonsense", "EPSG:999999"])
def test_a_crs_that_is_not_admitted_is_refused(post, refused, crs):
    (fault,) = refused(post, collection(feature(square(X, Y, 100)), crs=crs))
    assert fault.code == "crs_not_admitted"
    assert "EPSG:4490" in fault.zh


@pytest.mark.parametrize("name", ["GCJ-02", "gcj02", "BD-09", "urn:x:BD09LL"[:6] + "BD09"])
def test_offset_datums_are_refused_by_name(post, refused, name):
    (fault,) = refused(post, feature(square(LON, LAT, 0.001)), crs=name)
    assert fault.code == "offset_datum"
    (fault,) = refused(post, feature(square(LON, LAT, 0.001)), name=f"地块_{name}.geojson")
    assert fault.code == "offset_datum"
    assert post(feature(square(LON, LAT, 0.001)), name="ABD0901.geojson").parcels


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty_file"),
        (b"\xef\xbb\xbf  \n", "empty_file"),
        (b"{", "bad_json"),
        (b'{"type": "Point", "coordinates": [113.05, 36.25]} {}', "bad_json"),
        (b'{"type": "Point", "coordinates": [NaN, 36.25]}', "not_a_number"),
        (b'{"type": "Point", "coordinates": [-Infinity, 36.25]}', "not_a_number"),
        (b'{"type": "Point", "type": "Polygon"}', "duplicate_key"),
        (b'{"type": "Point", "name": "\xb3\xa4\xd6\xce"}', "encoding"),
        ('{"type": "Point"}'.encode("utf-16"), "encoding"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "too_deep"),
        (b"[1, 2]", "bad_geojson"),
        (b'{"type": "Topology"}', "bad_geojson"),
        (b'{"type": "FeatureCollection", "features": {}}', "bad_geojson"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "bad_json"),
        # Each took as many steps as the square of its length, until the reader was killed.
        (b'{"a": "' + b'\\"' * 500_000, "bad_json"),
        (b"{" + b",".join(b'"k%d":1' % n for n in range(200_000)) + b',"k199999":2}', "duplicate_key"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value[:30]!r}…{len(value)}",
)
def test_what_is_not_strict_json_is_refused(post, refused, body, code):
    assert [fault.code for fault in refused(post, body)] == [code]


BOM = b"\xef\xbb\xbf"
NAMED = collection(feature(square(X, Y, 100), properties={"宗地编号": "A-1", "名称": "长治一号"}), crs="EPSG:4547")


@pytest.mark.parametrize("body", [{"type": "Polygon", "coordinates": square(LON, LAT, 0.001)}, NAMED])
def test_a_mark_of_utf_8_before_a_text_changes_nothing(post, check, load, tmp_path, body):
    data = json.dumps(body, ensure_ascii=False).encode()
    (file := tmp_path / "a.geojson").write_bytes(BOM + data)
    packed = zipped(tmp_path / "a.zip", {"a.geojson": BOM + data}).read_bytes()
    wanted = [(parcel.id, parcel.name, parcel.crs, parcel.geometry) for _, parcel in post(data).parcels]
    for found in (post(BOM + data), check(BOM + data, "a.geojson"), check(file), check(packed, "a.zip")):
        assert found.rejected == ()
        assert [(parcel.id, parcel.name, parcel.crs, parcel.geometry) for _, parcel in found.parcels] == wanted
    features, report = load("parcels", file)
    assert (report.read, report.stored) == (1, 1)
    assert features.geometries[0].equals(wanted[0][3])


def in_another_encoding(encoding):
    return json.dumps(NAMED, ensure_ascii=False).encode(encoding)


#: Bytes that are no text in UTF-8, or one with signs where JSON has none, and what is said of them.
MISWRITTEN = [
    pytest.param(in_another_encoding("utf-16"), "encoding", id="UTF-16 with its mark"),
    pytest.param(in_another_encoding("utf-16-le"), "encoding", id="UTF-16, little first"),
    pytest.param(in_another_encoding("utf-16-be"), "encoding", id="UTF-16, big first"),
    pytest.param(json.dumps(NAMED).encode("utf-16-le"), "bad_json", id="UTF-16 of ASCII"),
    pytest.param(in_another_encoding("utf-32"), "encoding", id="UTF-32"),
    pytest.param(in_another_encoding("gbk"), "encoding", id="GBK"),
    pytest.param(BOM + in_another_encoding("utf-16"), "encoding", id="a mark before UTF-16 with its own"),
    pytest.param(BOM + in_another_encoding("utf-16-le"), "encoding", id="a mark before UTF-16"),
    pytest.param(BOM + in_another_encoding("gbk"), "encoding", id="a mark before GBK"),
    pytest.param(BOM + BOM + in_another_encoding("utf-8"), "bad_json", id="two marks"),
    pytest.param(b" " + BOM + in_another_encoding("utf-8"), "bad_json", id="a blank before the mark"),
    pytest.param(in_another_encoding("utf-8") + BOM, "bad_json", id="a mark behind"),
    pytest.param(b"{" + BOM + in_another_encoding("utf-8")[1:], "bad_json", id="a mark within"),
    pytest.param(BOM[:2] + in_another_encoding("utf-8"), "encoding", id="half a mark"),
    pytest.param(BOM, "empty_file", id="nothing but a mark"),
    pytest.param(BOM + b"{", "bad_json", id="a mark before half a text"),
    pytest.param(BOM + b"[" * 40 + b"]" * 40, "too_deep", id="a mark before deep nesting"),
    pytest.param(BOM + b'{"type": "Point", "type": "Point"}', "duplicate_key", id="a mark before a key twice"),
    pytest.param(b"\x00" + in_another_encoding("utf-8"), "bad_json", id="NUL before"),
    pytest.param(in_another_encoding("utf-8") + b"\x00", "bad_json", id="NUL behind"),
    pytest.param(in_another_encoding("utf-8").replace("一".encode(), b"\x00"), "bad_json", id="NUL in a text"),
    pytest.param(in_another_encoding("utf-8").replace("一".encode(), b"\xc0\xaf"), "encoding", id="overlong"),
    pytest.param(in_another_encoding("utf-8").replace("一".encode(), b"\xed\xa0\x80"), "encoding", id="half a pair"),
    pytest.param(in_another_encoding("utf-8").replace("一".encode(), b"\xe4\xb8"), "encoding", id="half a character"),
]


@pytest.mark.parametrize(("body", "code"), MISWRITTEN)
def test_what_is_not_written_in_utf_8_is_refused(post, check, refused, body, code):
    assert [fault.code for fault in refused(post, body)] == [code]
    # A file may be of another format, for which it is as little.
    assert refused(check, body, "a.geojson")


def endless(size=400_000):
    """Texts of a length that take the reader as long as they can, all wrong."""
    yield "nested arrays", b"[" * size
    yield "nested objects", b'{"a":' * (size // 5)
    yield "nested and closed", b"[" * (size // 2) + b"]" * (size // 2)
    yield "brackets in a text", b'["' + b"[{" * (size // 2)
    yield "quotes", b"[" + b'"' * size
    yield "escaped quotes", b'{"a": "' + b'\\"' * (size // 2)
    yield "backslashes", b'{"a": "' + b"\\" * size
    yield "texts", b"[" + b'"",' * (size // 3)
    yield "one key", b"{" + b'"a":1,' * (size // 6) + b'"a":1}'
    yield "many keys", b"{" + b",".join(b'"k%d":1' % n for n in range(size // 12)) + b',"k1":2}'
    yield "a long number", b'{"a": ' + b"9" * size + b"}"
    yield "blanks", b" " * size + b"x"
    yield "NUL", b"\x00" * size
    yield "no UTF-8 at the end", b'{"a": "' + "长".encode() * (size // 3) + b'\xff"}'
    yield "UTF-16", b"\xff\xfe" + b" \x00" * (size // 2)
    yield "marks", BOM * (size // 3)
    yield "a mark before nested arrays", BOM + b"[" * size
    yield "another text behind", b'{"type": "Point"}' + b" " * size + b"{}"
    yield "many texts", b'{"type": "Point"}' * (size // 17)
    yield "no numbers", b"[" + b"NaN," * (size // 4) + b"NaN]"
    yield "halves of characters", b'{"' + b"\\ud800" * (size // 6) + b'": 1}'


def computed_s(body):
    """How long reading a text computes, which does not count waiting for a processor."""
    began = time.thread_time()
    try:
        geojson.read(body, "a")
    except InputError:
        return time.thread_time() - began, True
    return time.thread_time() - began, False


def test_a_text_that_is_refused_takes_no_longer_than_an_honest_one_of_its_length():
    rows = [feature(square(LON + n * 1e-5, LAT, 0.001), properties={"DKBH": f"A-{n}"}) for n in range(2_000)]
    honest = json.dumps(collection(*rows)).encode()
    assert len(honest) > 400_000
    allowed, refused = computed_s(honest)
    assert not refused
    # Short ones first: what is not in proportion would keep the long ones for minutes.
    for name, body in (*endless(50_000), *endless()):
        spent, refused = computed_s(body)
        assert refused, name
        assert spent < max(2 * allowed, 1.0), name


def test_half_a_character_in_any_text_is_a_rejected_row(post, load, refused, catalogue, tmp_path):
    for field in catalogue.layers["parcels"].fields:
        rows = (feature(square(LON, LAT, 0.001), properties={field.name: text}) for text in ("\udfff一号", None))
        body = json.dumps(collection(*rows)).encode()
        found = post(body)
        (fault,) = found.rejected
        assert (fault.row, fault.code) == (1, "half_character" if field.type != "number" else "bad_number")
        assert fault.value == "\\udfff一号"
        assert [row for row, _ in found.parcels] == [2]
        (file := tmp_path / "a.geojson").write_bytes(body)
        assert (refused(load, "parcels", file)[0].row, found.report.stored) == (1, 1)


@pytest.mark.parametrize(
    ("geometry", "code"),
    [
        (None, "geometry_missing"),
        ("POINT (1 2)", "bad_geometry"),
        ({"type": "Circle", "coordinates": [1, 2]}, "bad_geometry"),
        ({"type": "Polygon"}, "bad_geometry"),
        ({"type": "Polygon", "coordinates": []}, "geometry_missing"),
        ({"type": "Polygon", "coordinates": [[[113, 36], [113.1, 36], [113, 36]]]}, "ring_too_short"),
        ({"type": "Polygon", "coordinates": [[[113, 36], [113.1, 36], [113.1, 36.1], [113, 36.1]]]}, "ring_unclosed"),
        ({"type": "Polygon", "coordinates": [[[113, 36], ["113.1", 36], [113, 36.1], [113, 36]]]}, "not_a_number"),
        ({"type": "Polygon", "coordinates": [[[113, 36], [113.1, None], [113, 36.1], [113, 36]]]}, "not_a_number"),
        ({"type": "Polygon", "coordinates": [[[113, 36], [1e999, 36], [113, 36.1], [113, 36]]]}, "not_a_number"),
        ({"type": "Polygon", "coordinates": [[[113, 36], [10**400, 36], [113, 36.1], [113, 36]]]}, "not_a_number"),
        ({"type": "Polygon", "coordinates": [[[113, 36], [True, 36], [113, 36.1], [113, 36]]]}, "not_a_number"),
        ({"type": "Polygon", "coordinates": [[[113, 36, 1, 2]] * 4]}, "bad_geometry"),
        ({"type": "Point", "coordinates": [113, 36]}, "wrong_geometry_kind"),
        ({"type": "Polygon", "coordinates": [[[113, 36], [113.1, 36], [113.2, 36], [113, 36]]]}, "geometry_collapsed"),
    ],
)
def test_a_geometry_that_is_none_is_a_rejected_row_and_the_next_is_answered(post, geometry, code):
    body = json.dumps(
        collection({"type": "Feature", "geometry": geometry, "properties": {}}, feature(square(LON, LAT, 0.001)))
    )
    found = post(body.replace("Infinity", "1e999").encode())
    assert [(fault.row, fault.code) for fault in found.rejected] == [(1, code)]
    assert [row for row, _ in found.parcels] == [2]
    assert found.report.read == found.report.stored + len(found.rejected) == 2


@pytest.mark.parametrize("degrees", [False, True])
@pytest.mark.parametrize(
    ("width_m", "height_m", "kept"),
    [
        (900, 0.0005, False),
        (900, 0.0019, False),
        (900, 0.0021, True),
        (0.0005, 900, False),
        (0.2236, 0.2236, False),  # 0.05 m²
        (0.31, 0.31, False),
        (0.32, 0.32, True),
    ],
)
def test_ground_of_a_hairs_breadth_is_none_in_metres_and_in_degrees(post, width_m, height_m, kept, degrees):
    shape, crs = shapely.Polygon(square(X, Y, width_m, height_m)[0]), "EPSG:4547"
    if degrees:
        shape, crs = lon_lat(shape, crs), None
    found = post(feature(json.loads(shapely.to_geojson(shape))["coordinates"]), crs=crs)
    assert bool(found.parcels) == kept
    assert [fault.code for fault in found.rejected] == [] if kept else ["geometry_collapsed"]


SQUARE = [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]
#: Boundaries that are invalid and honest, on a square of one: their parts, their area, and what a repair moves of it.
HONEST = {
    "bow-tie": ([[[(0, 0), (1, 1), (1, 0), (0, 1), (0, 0)]]], 0.5, 0.5),
    "bow-tie the other way": ([[[(0, 0), (0, 1), (1, 0), (1, 1), (0, 0)]]], 0.5, 0.5),
    "two squares over each other": ([[SQUARE], [[(x + 0.5, y) for x, y in SQUARE]]], 1.5, -0.5),
    "spike": ([[[(0, 0), (1, 0), (1.5, 0), (1, 0), (1, 1), (0, 1), (0, 0)]]], 1.0, 0.0),
    "line there and back": ([[[(0, 0), (0.5, 0), (0.5, 0.5), (0.5, 0), (1, 0), (1, 1), (0, 1), (0, 0)]]], 1.0, 0.0),
    "two squares side by side": ([[SQUARE], [[(x + 1, y) for x, y in SQUARE]]], 2.0, 0.0),
    "hole at the edge": ([[SQUARE, [(0, 0.2), (0.5, 0.2), (0.5, 0.8), (0, 0.8), (0, 0.2)]]], 0.7, 0.0),
    "hole by way of its own corner": (
        [[[(0, 0), (0.5, 0), (0.25, 0.5), (0.75, 0.5), (0.5, 0), (1, 0), (1, 1), (0, 1), (0, 0)]]],
        0.875,
        0.0,
    ),
}


@pytest.mark.parametrize("family", HONEST)
def test_an_honest_repair_leaves_the_ground_that_was_meant(post, family):
    parts, share, moved = HONEST[family]

    def given(x, y, side):
        return [[[(x + side * a, y + side * b) for a, b in ring] for ring in part] for part in parts]

    for place, crs in (((X, Y, 100.0), "EPSG:4547"), ((LON, LAT, 0.001), None)):
        body = feature(given(*place), "MultiPolygon")
        assert not shapely.from_geojson(json.dumps(body["geometry"])).is_valid
        ((_, parcel),) = post(body, crs=crs).parcels
        assert parcel.geometry.area == pytest.approx(share * place[2] ** 2, rel=1e-6)
        (repair,) = parcel.repairs
        if crs is not None:
            assert repair.area_change_m2 == pytest.approx(moved * 10_000, abs=1e-6)
        assert repair.geometry_changed == (family != "hole by way of its own corner")


def test_heights_are_left_out_and_counted(post):
    ring = [[[*point, 900.0] for point in square(LON, LAT, 0.001)[0]]]
    found = post(feature(ring))
    assert not shapely.has_z(found.parcels[0][1].geometry)
    assert any("高程" in note for note in found.report.notes)


def test_a_bow_tie_is_repaired_measured_and_marked(post):
    found = post(feature([[[X, Y], [X + 100, Y + 100], [X + 100, Y], [X, Y + 100], [X, Y]]]), crs="EPSG:4547")
    parcel = found.parcels[0][1]
    assert round(parcel.geometry.area, 6) == 5_000
    (repair,) = parcel.repairs
    assert repair.geometry_changed
    assert repair.row == 1
    assert "地块边界自相交" in repair.zh


def test_ids_are_text_end_to_end(post):
    code = "140403001001GB00001W00000000"
    found = post(
        collection(
            feature(square(LON, LAT, 0.001), properties={"宗地代码": code}),
            feature(square(LON, LAT, 0.001), properties={"宗地代码": 140403001001000012345}),
            feature(square(LON, LAT, 0.001), properties={"宗地代码": 1.4040300100100001e20}),
            feature(square(LON, LAT, 0.001), properties={"宗地代码": "a/b"}),
            feature(square(LON, LAT, 0.001), properties={"宗地代码": " a"}),
            feature(square(LON, LAT, 0.001), properties={"宗地代码": "x" * 65}),
            feature(square(LON, LAT, 0.001), properties={"宗地代码": "0012"}),
        )
    )
    assert [parcel.id for _, parcel in found.parcels] == [code, "140403001001000012345", "0012"]
    assert [(fault.row, fault.code) for fault in found.rejected] == [
        (3, "number_imprecise"),
        (4, "id_invalid"),
        (5, "id_invalid"),
        (6, "id_invalid"),
    ]


def test_duplicate_ids_are_refused_naming_both_rows(post, load, refused, tmp_path):
    body = collection(*(feature(square(LON, LAT + i / 100, 0.001), id=name) for i, name in enumerate("aba")))
    found = post(body)
    assert [(fault.row, fault.code, fault.id) for fault in found.rejected] == [
        (1, "duplicate_id", "a"),
        (3, "duplicate_id", "a"),
    ]
    assert "第1、3行" in found.rejected[0].zh
    file = tmp_path / "a.geojson"
    file.write_text(json.dumps(body))
    assert [fault.row for fault in refused(load, "parcels", file)] == [1, 3]


def test_valid_sample_files_are_accepted_and_bad_ones_never_break_anything(load, everywhere, catalogue):
    roads = "roads"
    assert catalogue.layers[roads].geometry == "any"
    for file in sorted(shared("bad_geojson_chrieke").rglob("*.geojson")):
        try:
            features, report = load(roads, file, jurisdiction=everywhere)
        except InputError as error:
            codes = {fault.code for fault in error.faults}
            if file.parent.name == "valid":
                assert codes <= {"geometry_missing", "no_features"}, (file.name, codes)
            assert "file_unreadable" not in codes, file.name
            continue
        assert report.stored == len(features) == report.read
        # What is wrong with these is a hint nobody needs (bbox), or only advice of the standard.
        if file.parent.name == "invalid_structure":
            assert "bbox" in file.stem or "geometrycollection" in file.stem, file.name
