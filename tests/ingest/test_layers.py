"""Attributes of layers: names, types, codes, ids; rows are stored, rejected or deleted, and nothing else."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pytest
import shapely

from geo_service import ingest
from geo_service.errors import RejectedRows
from tests.ingest.samples import LAT, LON, X, Y, collection, feature, square
from tests.ingest.writing import altered, write_vector, zipped_folder


@pytest.fixture
def write(tmp_path):
    """Write features with the given properties, side by side."""

    def run(*properties, name="a.geojson", side=0.001, **options):
        file = tmp_path / name
        features = [
            feature(square(LON + i * 0.002, LAT, side), properties=own) if own is not None else None
            for i, own in enumerate(properties)
        ]
        file.write_text(json.dumps(collection(*features, **options), ensure_ascii=False), "utf-8")
        return file

    return run


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2024-02-18", date(2024, 2, 18)),
        ("2024-2-18", date(2024, 2, 18)),
        ("2024/2/18", date(2024, 2, 18)),
        ("20240218", date(2024, 2, 18)),
        (20240218, date(2024, 2, 18)),
        ("2024年2月18日", date(2024, 2, 18)),
        ("2024-02-18T00:00:00", date(2024, 2, 18)),
        ("", None),
        (None, None),
    ],
)
def test_dates_as_people_write_them(load, write, written, read):
    features, _ = load("zones", write({"version_status": "approved", "valid_to": written}))
    assert features.attributes["valid_to"] == (read,)


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("valid_to", "2024-02-30", "bad_date"),
        ("valid_to", "明年", "bad_date"),
        ("version_status", "随便", "unknown_code"),
        ("version_status", None, "field_missing"),
        ("supply_window_days", "60天", "bad_number"),
        ("supply_window_days", 1.5, "bad_number"),
        ("supply_window_days", -1, "below_minimum"),
        ("supply_window_days", 9007199254740993, "bad_number"),
        ("name", "a\x00b", "control_character"),
        ("name", {"a": 1}, "bad_value"),
    ],
)
def test_a_value_that_cannot_be_is_a_rejected_row(load, refused, write, key, value, code):
    file = write({"version_status": "approved"} | {key: value}, {"version_status": "已批复"})
    (fault,) = refused(load, "zones", file)
    assert (fault.code, fault.row) == (code, 1)
    features, report = load("zones", file, quarantine=True)
    assert features.ids == ("2",)
    assert features.attributes["version_status"] == ("approved",)
    assert (report.read, report.stored, [fault.code for fault in report.rejected]) == (2, 1, [code])


def test_all_rejected_rows_are_listed(load, write):
    bad = [{"version_status": "approved", "valid_to": "x"}] * 30
    with pytest.raises(RejectedRows) as caught:
        load("zones", write(*bad, {"version_status": "approved"}))
    assert [fault.row for fault in caught.value.faults] == list(range(1, 31))


def test_columns_are_found_by_alias_and_the_others_named(load, write):
    features, report = load("zones", write({"开发区名称": "高新区", "BBZT": "申请", " bsm ": 12, "MEMO": "x"}))
    assert features.ids == ("12",)
    assert features.attributes["name"] == ("高新区",)
    assert features.attributes["version_status"] == ("applied",)
    assert features.attributes["id"] == ("12",)
    assert features.attributes["zone"] == (None,)
    assert any("MEMO" in note for note in report.notes)
    assert set(features.attributes) == {field.name for field in features.spec.fields}


def test_an_id_column_can_be_chosen_and_must_exist(load, refused, write):
    file = write({"version_status": "approved", "KEY": "k1"})
    assert load("zones", file, id_field="KEY")[0].ids == ("k1",)
    (fault,) = refused(load, "zones", file, id_field="NO")
    assert fault.code == "id_field_missing"
    assert "KEY" in fault.next_zh


def test_an_empty_id_beside_others_is_a_rejected_row(load, refused, write):
    (fault,) = refused(load, "zones", write({"id": "1", "version_status": "approved"}, {"version_status": "approved"}))
    assert (fault.code, fault.row) == ("id_missing", 2)


SIDE_BY_SIDE = [shapely.Polygon(square(X + 200 * i, Y, 100)[0]) for i in range(3)]
#: One more than a double holds, a parcel number of an older kind, and one of the present kind with zeros for letters.
LONG, LONGER, LONGEST = 9007199254740993, 140421001002000001, 1404210010020000000000000003


def as_filegdb(folder, columns, **options):
    write_vector(folder / "a.gdb", SIDE_BY_SIDE, "OpenFileGDB", columns=columns, **options)
    return zipped_folder(folder / "a.gdb.zip", folder / "a.gdb", "a.gdb/")


def ids_and_faults(load, file, **options):
    """Return what became of the ids of a file: those that are stored, and the code of each row that is not."""
    try:
        features, report = load("parcels", file, quarantine=True, **options)
    except RejectedRows as refused:
        return (), {fault.row: fault.code for fault in refused.faults}
    return features.ids, {fault.row: fault.code for fault in report.rejected}


@pytest.mark.parametrize("number", [LONG, LONGER])
def test_long_numbers_next_to_a_null_are_not_rounded(load, tmp_path, number):
    whole, broken = [number, 7, number + 2], [number, None, number + 2]
    as_written, missing = (str(number), str(number + 2)), {2: "id_missing"}
    gpkg = write_vector(tmp_path / "a.gpkg", SIDE_BY_SIDE, "GPKG", columns={"ZDDM": broken})
    assert ids_and_faults(load, gpkg) == (as_written, missing)
    shp = write_vector(tmp_path / "a.shp", SIDE_BY_SIDE, "ESRI Shapefile", columns={"ZDDM": broken})
    assert ids_and_faults(load, shp) == (as_written, missing)
    # GDAL makes doubles of a column with a null, and the format itself does unless it is told otherwise.
    lost = ((), {1: "number_imprecise", **missing, 3: "number_imprecise"})
    for place, cells, options, found in (
        (
            "whole",
            whole,
            {"TARGET_ARCGIS_VERSION": "ARCGIS_PRO_3_2_OR_LATER"},
            ((str(number), "7", str(number + 2)), {}),
        ),
        ("null", broken, {"TARGET_ARCGIS_VERSION": "ARCGIS_PRO_3_2_OR_LATER"}, lost),
        ("double", broken, {}, lost),
    ):
        (tmp_path / place).mkdir()
        assert ids_and_faults(load, as_filegdb(tmp_path / place, {"ZDDM": cells}, **options)) == (found[0], found[1])


def test_a_number_of_any_length_beside_a_null_in_geojson_is_its_digits(load, write):
    numbers = [LONG, LONGER, LONGEST]
    file = write(*({"ZDDM": number, "DKMC": None} for number in numbers), {"ZDDM": None, "DKMC": LONGEST})
    assert ids_and_faults(load, file) == (tuple(map(str, numbers)), {4: "id_missing"})
    file = write({"ZDDM": "1", "DKMC": LONGEST}, {"ZDDM": "2", "DKMC": None})
    assert load("parcels", file)[0].attributes["name"] == (str(LONGEST), None)


def test_a_number_too_long_for_a_geopackage_is_refused(load, tmp_path):
    file = write_vector(tmp_path / "a.gpkg", SIDE_BY_SIDE, "GPKG", columns={"ZDDM": [LONGER, None, 7]})
    altered(file, f"UPDATE a SET ZDDM = {LONGEST} WHERE fid = 1")
    assert ids_and_faults(load, file) == (("7",), {1: "number_imprecise", 2: "id_missing"})


@pytest.mark.parametrize("kind", ["int", "uint", "short", "float", "double", "bool", "string", "xsd:long"])
def test_a_field_of_a_kml_is_the_text_that_stands_there_whatever_type_it_has(load, tmp_path, kind):
    codes = ["0012", str(LONGER), str(LONGEST), "甲-1"]
    ring = "113.05,36.25 113.06,36.25 113.06,36.26 113.05,36.25"
    places = "".join(
        f'<Placemark><ExtendedData><SchemaData schemaUrl="#s"><SimpleData name="DKBH">{code}</SimpleData>'
        '<SimpleData name="MJ"></SimpleData></SchemaData></ExtendedData><Polygon><outerBoundaryIs><LinearRing>'
        f"<coordinates>{ring}</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark>"
        for code in codes
    )
    file = tmp_path / "a.kml"
    file.write_text(
        '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Schema name="s" id="s">'
        f"<SimpleField name='DKBH' type='{kind}'/><SimpleField\n type = \"{kind}\" name=\"MJ\"></SimpleField>"
        f"</Schema>{places}</Document></kml>",
        "utf-8",
    )
    features, report = load("parcels", file)
    assert features.ids == tuple(codes)
    assert features.attributes["registered_area_m2"] == (None,) * len(codes)
    assert report.warnings == ()


@pytest.mark.parametrize("kind", ["GPKG", "OpenFileGDB", "ESRI Shapefile", "CSV", "GeoJSON"])
def test_zeros_in_front_of_a_code_are_kept(load, write, tmp_path, kind):
    codes = ["0012", "012", "12"]
    if kind == "CSV":
        file = tmp_path / "a.csv"
        rows = zip(codes, SIDE_BY_SIDE, strict=True)
        file.write_text("DKBH,WKT\n" + "".join(f'{code},"{shape.wkt}"\n' for code, shape in rows))
    elif kind == "GeoJSON":
        file = write(*({"DKBH": code} for code in codes))
    elif kind == "OpenFileGDB":
        file = as_filegdb(tmp_path, {"DKBH": codes})
    else:
        file = write_vector(
            tmp_path / ("a.shp" if "Shape" in kind else "a.gpkg"), SIDE_BY_SIDE, kind, columns={"DKBH": codes}
        )
    assert ids_and_faults(load, file, crs="EPSG:4547" if kind == "CSV" else None) == (tuple(codes), {})


def test_a_bare_land_use_code_must_say_its_system(load, refused, write):
    (fault,) = refused(load, "planned_use", write({"YDDM": "1001"}))
    assert fault.code == "code_system_missing"
    assert fault.zh == "用地代码1001缺代码体系（用地用海/三调/城市用地）"
    features, _ = load("planned_use", write({"YDDM": "1001", "代码体系": "用地用海"}, {"YDDM": "M1"}))
    assert features.attributes["code_system"] == ("landsea_2023", None)
    assert features.attributes["code"] == ("1001", "M1")


def test_a_code_that_is_a_number_keeps_its_text(load, write):
    features, _ = load(
        "present_use", write({"DLBM": "0103", "code_system": "三调"}, {"DLBM": 1001, "code_system": "三调"})
    )
    assert features.attributes["code"] == ("0103", "1001")


def test_a_report_may_name_a_zone_version_instead_of_a_polygon(load, refused, tmp_path):
    file = tmp_path / "a.geojson"
    bare = {"type": "Feature", "geometry": None, "properties": {"code": "环评", "zone_version": "Z-1"}}
    file.write_text(json.dumps(collection(bare)), "utf-8")
    features, report = load("assessment_scopes", file)
    assert list(features.geometries) == [None]
    assert features.attributes["code"] == ("EIA",)
    assert report.area_m2 is None
    assert [fault.code for fault in refused(load, "farmland", file)] == ["geometry_missing"]


def test_a_row_that_only_says_where_was_surveyed_needs_no_other_field(write, refused, catalogue, jurisdiction):
    roads = catalogue.layers["roads"]
    fields = tuple(field.model_copy(update={"required": field.name == "width_m"}) for field in roads.fields)
    spec = roads.model_copy(update={"fields": fields})

    def load(*properties):
        return ingest.read_layer(spec, catalogue, jurisdiction, write(*properties), edition_date=date(2026, 1, 1))

    features, _ = load({"class": "资料覆盖范围"}, {"class": "支路", "KD": "7.5"})
    assert features.attributes["class"] == ("surveyed", "branch")
    assert features.attributes["width_m"] == (None, 7.5)
    assert [fault.code for fault in refused(load, {"class": "支路"})] == ["field_missing"]


def test_a_repair_that_moves_land_is_a_rejected_row_of_a_layer(load, refused, tmp_path):
    bow = [[[X, Y], [X + 100, Y + 100], [X + 100, Y], [X, Y + 100], [X, Y]]]
    banana = [
        [
            [X, Y],
            [X + 90, Y],
            [X + 90, Y + 90],
            [X + 40, Y + 90],
            [X + 50, Y + 50],
            [X + 30, Y + 50],
            [X + 40, Y + 90],
            [X, Y + 90],
            [X, Y],
        ]
    ]
    file = tmp_path / "a.geojson"
    file.write_text(json.dumps(collection(feature(bow), crs="EPSG:4547")))
    (fault,) = refused(load, "farmland", file)
    assert fault.code == "repair_too_large"
    file.write_text(json.dumps(collection(feature(banana), crs="EPSG:4547")))
    features, report = load("farmland", file)
    (repair,) = report.repairs
    assert len(features.geometries[0].interiors) == 1
    assert (repair.row, repair.id, repair.area_change_m2) == (1, "1", 0.0)
    assert not repair.geometry_changed
    file.write_text(json.dumps(collection(feature(bow, id="P-1"), crs="EPSG:4547")))
    _, report = load("parcels", file)
    assert [(repair.id, repair.geometry_changed) for repair in report.repairs] == [("P-1", True)]


def test_the_surveyed_extent_comes_with_the_layer_in_its_crs(load, refused, write, tmp_path):
    extent = tmp_path / "extent.geojson"
    extent.write_text(
        json.dumps(feature(square(X - 1000, Y - 1000, 5000), crs={"type": "name", "properties": {"name": "EPSG:4547"}}))
    )
    features, _ = load("geohazard", write({"class": "low"}), extent=extent)
    assert features.crs == "OGC:CRS84"
    west, south, east, north = features.extent.bounds
    assert west < LON < east
    assert south < LAT + 0.02 < north
    nothing = tmp_path / "none.geojson"
    nothing.write_text(json.dumps(collection()))
    features, report = load("geohazard", nothing, extent=extent)
    assert (len(features), report.stored) == (0, 0)
    assert features.extent is not None
    (fault,) = refused(load, "geohazard", nothing)
    assert fault.code == "no_features"
    assert "--extent" in fault.zh


def test_a_file_nowhere_near_a_zone_is_refused_unless_it_is_meant(load, check, refused, write):
    near = ("EPSG:4547", shapely.box(X + 20_000, Y, X + 30_000, Y + 1000))
    far = ("EPSG:4547", (X + 90_000, Y, X + 99_000, Y + 1000))
    file = write({"version_status": "approved"})
    assert load("zones", file, zone_boxes=[far, near])
    (fault,) = refused(load, "zones", file, zone_boxes=[far])
    assert fault.code == "far_from_zones"
    assert "--anywhere" in fault.next_zh
    assert load("zones", file, zone_boxes=[far], anywhere=True)
    found = check(file, zone_boxes=[far])
    assert found.parcels
    assert any("距最近的开发区" in text for text in found.report.warnings)


def test_lines_and_points_have_no_place_in_a_polygon_layer(load, refused, tmp_path):
    file = tmp_path / "a.geojson"
    line = feature([[LON, LAT], [LON, LAT + 0.01]], "LineString")
    file.write_text(json.dumps(collection(line)))
    assert [fault.code for fault in refused(load, "farmland", file)] == ["wrong_geometry_kind"]
    features, _ = load("roads", file)
    assert features.geometries[0].geom_type == "LineString"


def test_origin_says_where_the_data_come_from(load, write):
    file = write({"version_status": "approved"})
    features, _ = load(
        "zones", file, synthetic=True, licence="CC0", attribution="示例", edition_date=date(2026, 11, 18)
    )
    origin = features.origin
    assert (origin.source_name, origin.edition_date, origin.synthetic) == ("a.geojson", date(2026, 11, 18), True)
    assert (origin.licence, origin.attribution) == ("CC0", "示例")
    again, _ = load("zones", file)
    assert again.origin.source_sha256 == origin.source_sha256


def test_geometry_is_kept_in_the_crs_it_came_in(load, write):
    features, report = load("zones", write({"version_status": "approved"}))
    assert (features.crs, report.crs_how) == ("OGC:CRS84", "default")
    assert np.array_equal(shapely.get_coordinates(features.geometries[0]), np.array(square(LON, LAT, 0.001)[0]))
