"""The surveyors' TXT: what is unambiguous is read and said aloud, what contradicts itself is refused."""

from __future__ import annotations

import re

import pytest

from tests.ingest.samples import EXAMPLE, FIRST_M2, SECOND_M2, shared


def areas(found):
    return [round(parcel.geometry.area, 3) for _, parcel in found.parcels]


def edited(**lines):
    """Return the example with header keys set or, with ``None``, left out."""
    text = EXAMPLE
    for key, value in lines.items():
        text = re.sub(rf"^{key}=.*\n", "" if value is None else f"{key}={value}\n", text, flags=re.MULTILINE)
    return text


def swapped(text):
    return re.sub(r"^(J\d+,\d+),([\d.]+),([\d.]+)$", r"\1,\3,\2", text, flags=re.MULTILINE)


def without_prefix(text):
    return text.replace(",38", ",")


@pytest.mark.parametrize("encoding", ["gbk", "utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\r\n", "\n"])
def test_the_example_is_read_in_every_encoding_and_line_ending(check, encoding, newline):
    found = check(EXAMPLE.replace("\n", newline).encode(encoding))
    assert areas(found) == [FIRST_M2, SECOND_M2]
    first = found.parcels[0][1]
    assert (first.id, first.name, first.crs) == ("CZGX-2024-001", "示例地块一", "EPSG:4526")
    assert len(first.geometry.interiors) == 1
    assert found.rejected == ()
    assert found.report.warnings == ()
    assert first.repairs == ()
    assert found.report.read == found.report.stored == 2


def test_the_code_gets_its_system_when_the_purpose_beside_it_names_it(check):
    first = check(EXAMPLE).parcels[0][1]
    assert (first.land_use, first.land_use_system) == ("1001", "landsea_2023")
    unsaid = check(EXAMPLE.replace("工业用地", ""))
    assert unsaid.parcels[0][1].land_use_system is None
    assert any("用地代码1001缺代码体系" in note for note in unsaid.report.notes)


def test_swapped_axes_are_read_and_never_in_silence(check):
    found = check(swapped(EXAMPLE))
    assert areas(found) == [FIRST_M2, SECOND_M2]
    for _, parcel in found.parcels:
        assert [repair.rule for repair in parcel.repairs] == ["xy_swapped"]
        assert "X、Y颠倒" in parcel.repairs[0].zh
        assert not parcel.repairs[0].geometry_changed


def test_swapped_axes_without_prefix_are_read_too(check):
    found = check(swapped(without_prefix(EXAMPLE)))
    assert areas(found) == [FIRST_M2, SECOND_M2]
    assert found.parcels[0][1].crs == "EPSG:4547"
    assert [repair.rule for repair in found.parcels[0][1].repairs] == ["xy_swapped"]


def test_a_file_that_is_half_swapped_contradicts_itself(check, refused):
    head, second = EXAMPLE.split("5,1.8667")
    (fault,) = refused(check, head + "5,1.8667" + swapped(second))
    assert fault.code == "axes_swapped"
    assert "第25行" in fault.zh


def test_eastings_without_prefix_use_the_central_meridian_form(check):
    found = check(without_prefix(EXAMPLE))
    assert areas(found) == [FIRST_M2, SECOND_M2]
    assert found.parcels[0][1].crs == "EPSG:4547"


def test_six_degree_bands(check):
    text = edited(几度分带="6", 带号="19").replace(",38", ",19")
    assert check(text).parcels[0][1].crs == "EPSG:4497"


@pytest.mark.parametrize("value", ["", None])
def test_a_missing_zone_is_taken_from_the_eastings_and_reported(check, value):
    found = check(edited(带号=value))
    assert found.parcels[0][1].crs == "EPSG:4526"
    assert [repair.rule for repair in found.parcels[0][1].repairs] == ["zone_derived"]


def test_no_zone_and_no_prefix_needs_a_crs(check, refused):
    text = without_prefix(edited(带号=""))
    (fault,) = refused(check, text)
    assert fault.code == "crs_missing"
    assert "--crs" in fault.zh
    assert areas(check(text, crs="EPSG:4547")) == [FIRST_M2, SECOND_M2]


def test_points_counted_without_the_closing_ones_are_a_warning(check):
    found = check(EXAMPLE.replace("10,20.4367", "8,20.4367"))
    assert areas(found) == [FIRST_M2, SECOND_M2]
    assert any("界址点数与表头不符（表头8，实际10）" in text for text in found.report.warnings)


def test_an_open_ring_is_closed_and_reported(check):
    text = EXAMPLE.rstrip("\n").rsplit("\n", 1)[0]
    found = check(text)
    assert areas(found) == [FIRST_M2, SECOND_M2]
    assert [repair.rule for repair in found.parcels[1][1].repairs] == ["ring_closed"]


def test_no_final_newline_blank_lines_and_missing_at_sign(check):
    text = (
        EXAMPLE.rstrip("\n")
        .replace("[地块坐标]\n", "\n[地块坐标]\n\n")
        .replace("1001,@\nJ1,1,4013133", "1001,\nJ1,1,4013133")
    )
    found = check(text)
    assert areas(found) == [FIRST_M2, SECOND_M2]
    assert any("@" in warning for warning in found.report.warnings)
    assert areas(check(EXAMPLE.replace(",1001,@", ",1001"))) == [FIRST_M2, SECOND_M2]


@pytest.mark.parametrize("unit", ["公顷", "hm2", " hm²", "ha", "HA"])
def test_hectares_may_carry_their_unit(check, unit):
    found = check(EXAMPLE.replace("20.4367", f"20.4367{unit}"))
    assert areas(found) == [FIRST_M2, SECOND_M2]
    assert found.report.warnings == ()
    (fault,) = check(EXAMPLE.replace("20.4367", f"20.4667{unit}")).rejected
    assert fault.code == "area_conflict"


def rectangle(width, height, stated_m2):
    """Return a TXT of one rectangle whose head line states an area."""
    x, y = 4_013_200, 38_414_300
    corners = [(x, y), (x, y + width), (x + height, y + width), (x + height, y), (x, y)]
    lines = [f"J{n % 4 + 1},1,{north:.3f},{east:.3f}" for n, (north, east) in enumerate(corners)]
    head = f"5,{stated_m2 / 10_000:.8f},A-1,,面,,,,@"
    return "\n".join([EXAMPLE.split("10,20.4367")[0].rstrip("\n"), head, *lines]) + "\n"


@pytest.mark.parametrize(("width", "height", "limit_m2"), [(20, 25, 1.0), (30, 33, 1.0), (1000, 1000, 1000.0)])
@pytest.mark.parametrize("sign", [1, -1])
def test_an_area_may_differ_by_a_square_metre_or_a_thousandth_whichever_is_more(check, width, height, limit_m2, sign):
    area = width * height
    assert limit_m2 == max(1.0, area / 1000)
    agrees = check(rectangle(width, height, area))
    assert (areas(agrees), agrees.report.warnings) == ([area], ())
    inside = check(rectangle(width, height, area + sign * (limit_m2 - 0.001)))
    assert (areas(inside), inside.rejected) == ([area], ())
    assert any("以坐标为准" in text for text in inside.report.warnings)
    outside = check(rectangle(width, height, area + sign * (limit_m2 + 0.001)))
    assert [(fault.code, fault.row) for fault in outside.rejected] == [("area_conflict", 1)]
    assert outside.parcels == ()


def test_a_hole_listed_before_its_outer_ring_is_a_hole(check):
    lines = EXAMPLE.split("\n")
    at = lines.index("J1,1,4013646.884,38414300.000")
    lines[at : at + 10] = lines[at + 5 : at + 10] + lines[at : at + 5]
    assert areas(check("\n".join(lines)))[0] == FIRST_M2


def test_two_outer_rings_are_one_parcel_of_two_parts(check):
    text = EXAMPLE.replace("20.4367", "20.6767")
    for old, new in (("38414500", "38415000"), ("38414540", "38415040")):
        text = text.replace(f"4013450.000,{old}", f"4013450.000,{new}").replace(
            f"4013420.000,{old}", f"4013420.000,{new}"
        )
    parcel = check(text).parcels[0][1]
    assert parcel.geometry.geom_type == "MultiPolygon"
    assert round(parcel.geometry.area, 2) == 206_766.64


def test_rings_may_restart_their_number(check):
    assert areas(check(EXAMPLE.replace(",2,40", ",1,40")))[0] == FIRST_M2


def test_ids_that_are_not_unique_take_the_name_of_the_file(check):
    found = check(EXAMPLE.replace("CZGX-2024-002", "CZGX-2024-001"), "批次3.txt")
    assert [parcel.id for _, parcel in found.parcels] == ["批次3-1", "批次3-2"]


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        (
            "J2,1,4013646.884,38414760.000",
            "J2，1，4013646.884，38414760.000",
            "fullwidth_comma",
            "字段含全角逗号（第15行）",
        ),
        ("J2,1,4013646.884,38414760.000", "J2,1,4O13646.884,38414760.000", "bad_number", "第15行"),
        ("J2,1,4013646.884,38414760.000", "J2,1,4013646.884", "field_count", "第15行"),
        ("J2,1,4013646.884,38414760.000", f"J2,1,4013646.884,{'9' * 400}", "bad_number", "Y坐标过大（第15行）"),
        ("J2,1,4013646.884,38414760.000", f"J2,1,{'9' * 400},38414760.000", "bad_number", "X坐标过大（第15行）"),
        ("J2,1,4013646.884,38414760.000", f"J2,1,4013646.884,-{'9' * 300}", "bad_number", "Y坐标过大（第15行）"),
        ("10,20.4367", "²,20.4367", "bad_number", "界址点数不是可用的数值（第13行）"),
        ("10,20.4367", f"{'9' * 5000},20.4367", "bad_number", "界址点数不是可用的数值（第13行）"),
        ("10,20.4367", "1O,20.4367", "bad_number", "界址点数不是可用的数值（第13行）"),
        ("10,20.4367", "l0,20.4367", "bad_number", "界址点数不是可用的数值（第13行）"),
        ("10,20.4367", "10,2O.4367", "bad_number", "面积不是数值（第13行）"),
        ("10,20.4367", "10,20.4367O公顷", "bad_number", "面积不是数值（第13行）"),
        ("10,20.4367", "10,2.04367e1", "bad_number", "面积不是数值（第13行）"),
        ("10,20.4367", f"10,{'9' * 400}", "bad_number", "面积过大（第13行）"),
        ("10,20.4367", f"10,{'9' * 300}.5ha", "bad_number", "面积过大（第13行）"),
        ("10,20.4367", "10,20.4667", "area_conflict", "面积与表头相差0.0300公顷"),
        ("示例地块一,面", "示例地块一,线", "wrong_geometry_kind", "面"),
    ],
)
def test_a_parcel_that_contradicts_itself_is_refused_and_the_other_answered(
    check, load, refused, tmp_path, old, new, code, words
):
    text = EXAMPLE.replace(old, new)
    found = check(text)
    (fault,) = found.rejected
    assert (fault.code, fault.row) == (code, 1)
    assert words in fault.zh
    assert [(row, parcel.id) for row, parcel in found.parcels] == [(2, "CZGX-2024-002")]
    file = tmp_path / "a.txt"
    file.write_text(text, "gb18030")
    assert [fault.code for fault in refused(load, "parcels", file)] == [code]
    features, report = load("parcels", file, quarantine=True)
    assert features.ids == ("CZGX-2024-002",)
    assert (report.read, report.stored, len(report.rejected)) == (2, 1, 1)


def test_points_that_are_missing_at_the_end_are_no_parcel_and_a_wrong_count_before_it_is_told(check):
    miscounted = check(EXAMPLE.replace("10,20.4367", "12,"))
    assert areas(miscounted) == [FIRST_M2, SECOND_M2]
    assert any("界址点数与表头不符（表头12，实际10）" in warning for warning in miscounted.report.warnings)
    cut = check(EXAMPLE.replace("5,1.8667,", "7,,"))
    assert areas(cut) == [FIRST_M2]
    (fault,) = cut.rejected
    assert (fault.code, fault.row) == ("truncated", 2) and "界址点不完整（表头7，实际5" in fault.zh
    # An area that agrees tells that only the count is wrong.
    assert areas(check(EXAMPLE.replace("5,1.8667,", "7,1.8667,"))) == [FIRST_M2, SECOND_M2]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("示例地块一", "东片，一期", "fullwidth_comma"),
        ("J2,1,4013646.884,38414760.000", "J2,1,4O13646.884,38414760.000", "bad_number"),
        ("J2,1,4013646.884,38414760.000", "J2,1,4013646.884", "field_count"),
        ("示例地块一,面", "示例地块一,线", "wrong_geometry_kind"),
    ],
)
def test_where_no_parcel_can_be_read_it_is_said_what_is_wrong_with_each(check, refused, old, new, code):
    only = EXAMPLE[: EXAMPLE.index("5,1.8667")].replace(old, new)
    (fault,) = refused(check, only)
    assert (fault.code, fault.row, fault.where) == (code, 1, "boundary.txt")
    # With a CRS that was named, what can be read is answered for, and here that is nothing.
    (fault,) = check(only, crs="EPSG:4526").rejected
    assert (fault.code, fault.row) == (code, 1)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (edited(带号="39"), "wrong_zone", "带号38与表头39带不符"),
        (edited(坐标系="1980西安坐标系"), "datum_refused", "1980西安坐标系"),
        (edited(坐标系="GCJ-02"), "offset_datum", "不得用于量算"),
        (edited(坐标系=None), "crs_missing", "--crs"),
        (edited(计量单位="度"), "unit_refused", "米"),
        (edited(几度分带="6"), "wrong_zone", "6度"),
        (edited(带号="3O"), "bad_number", "“带号”的数值含字母"),
        (edited(带号="3B"), "bad_number", "“带号”的数值含字母"),
        (edited(几度分带="O3"), "bad_number", "“几度分带”的数值含字母"),
        (edited(带号="3" * 5000), "bad_number", "“带号”的数值过长（5000位）"),
        (edited(几度分带="3" * 5000), "bad_number", "“几度分带”的数值过长（5000位）"),
        (EXAMPLE.replace("38415000.000", "39415000.000"), "wrong_zone", "38、39"),
        (EXAMPLE.replace("38414540.000", "39414540.000", 1), "wrong_zone", "38、39（第21行）"),
        (EXAMPLE.replace("38414540.000", "414540.000", 1), "wrong_zone", "0、38（第21行）"),
        (EXAMPLE.split("10,20")[0], "no_features", "地块"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(check, refused, text, code, words):
    (fault,) = refused(check, text)
    assert fault.code == code
    assert words in fault.zh


def test_degrees_in_the_place_of_metres_are_named(check):
    text = re.sub(r"^(J\d+,\d+),[\d.]+,[\d.]+$", r"\1,36.25,113.05", EXAMPLE, flags=re.MULTILINE)
    found = check(text, crs="EPSG:4526")
    assert {fault.code for fault in found.rejected} == {"degrees_as_metres"}
    assert "EPSG:4490" in found.rejected[0].zh


def test_a_boundary_that_crosses_itself_names_its_points(check):
    text = EXAMPLE.replace("1.8667", "").split("5,,CZGX")
    lines = text[1].split("\n")
    lines[2], lines[3] = lines[3], lines[2]
    found = check(text[0] + "5,,CZGX" + "\n".join(lines))
    (repair,) = found.parcels[1][1].repairs
    assert repair.geometry_changed
    assert re.search(r"地块边界自相交（J\d–J\d）", repair.zh)


def test_the_samples_from_the_field_agree_with_their_headers(check):
    files = sorted(shared("cn_boundary_txt_samples").glob("*.txt"))
    assert len(files) == 7
    for file in files:
        found = check(file)
        (row, parcel), stated = found.parcels[0], file.read_text("utf-8").split("[地块坐标]\n")[1].split(",")[1]
        assert (row, parcel.crs, parcel.id) == (1, "EPSG:4526", "FID_0")
        assert parcel.name is None, "DKMC is a column's name, not a parcel's"
        if stated:
            assert abs(parcel.geometry.area / 10_000 - float(stated)) < 0.5e-4 + 1e-9
            assert found.report.warnings == ()
        else:
            assert file.name == "arcpy_plot_000.txt"
            assert any("闭合点点号为J6" in text for text in found.report.warnings)
            assert any("缺少面积" in text for text in found.report.warnings)
