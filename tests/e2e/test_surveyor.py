"""Story 1: the surveyor's TXT, checked where nothing else is known."""

from __future__ import annotations

import re

import pytest

from geo_service.model.units import THIN_SPACE
from tests.e2e.commands import ROOT, Ran, run_each
from tests.ingest.samples import EXAMPLE

BOUNDARY = ROOT / "layers/demo/boundary.txt"


def _gbk(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("gbk")


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    folder = tmp_path_factory.mktemp("surveyor")
    (folder / "swapped.txt").write_bytes(_gbk(re.sub(r"(?m)^(J\d+,\d+),([\d.]+),([\d.]+)$", r"\1,\3,\2", EXAMPLE)))
    (folder / "distinct.txt").write_bytes(_gbk(EXAMPLE.replace("10,20.4367", "8,20.4367")))
    (folder / "wrong_area.txt").write_bytes(_gbk(EXAMPLE.replace("10,20.4367", "10,22.0437")))
    (folder / "other_area.txt").write_bytes(_gbk(EXAMPLE.replace("10,20.4367", "10,20.4379")))
    files = {"as written": BOUNDARY, **{file.stem: file for file in sorted(folder.glob("*.txt"))}}
    commands = [["check", file] for file in files.values()] + [["check", BOUNDARY, "--json"]]
    return dict(zip([*files, "json"], run_each(*commands, cwd=folder), strict=True))


def test_the_demo_holds_the_example_of_the_format() -> None:
    assert BOUNDARY.read_bytes() == _gbk(EXAMPLE)


def test_the_areas_are_those_of_the_points(checked: dict[str, Ran]) -> None:
    first, _, second = checked["as written"].text.partition("CZGX-2024-002")
    figures = first.replace(THIN_SPACE, " ")
    assert "CZGX-2024-001 示例地块一" in figures
    for figure in ("204 366.64㎡", "20.4367公顷", "306.5500亩", "204 329.87㎡", "中央子午线 central meridian 114°"):
        assert figure in figures
    assert "18 666.62㎡" in second.replace(THIN_SPACE, " ")


def test_the_record_has_two_parcels_with_the_hole_deducted(checked: dict[str, Ran]) -> None:
    found = checked["json"].json
    assert found["rejected"] == []
    assert [body["parcel"]["id"] for body in found["records"]] == ["CZGX-2024-001", "CZGX-2024-002"]
    parcel = found["records"][0]["parcel"]
    assert parcel["area_m2"] == pytest.approx(460 * 446.884 - 40 * 30, abs=1e-6)
    assert round(parcel["area_mu"], 4) == 306.55
    assert round(parcel["ellipsoidal_area_m2"], 2) == 204_329.87
    assert parcel["crs"] == "EPSG:4547"


def test_head_line_areas_are_compared(checked: dict[str, Ran]) -> None:
    assert "2个地块的面积与表头一致" in checked["as written"].err
    assert checked["wrong_area"].errors == [
        line for line in checked["wrong_area"].errors if "面积与表头相差1.6070公顷" in line
    ]
    assert "CZGX-2024-001" not in checked["wrong_area"].text


def test_swapped_axes_are_read_and_said(checked: dict[str, Ran]) -> None:
    swapped = checked["swapped"]
    assert "X、Y颠倒" in swapped.err
    assert swapped.text.replace("修复", "").count("CZGX-") == 2
    assert "204 366.64㎡" in swapped.text.replace(THIN_SPACE, " ")
    assert "X、Y颠倒" not in checked["as written"].err


def test_a_count_of_distinct_points_is_a_warning(checked: dict[str, Ran]) -> None:
    distinct = checked["distinct"]
    warned = [line for line in distinct.err.splitlines() if "点数" in line]
    assert warned and all(not line.startswith("错误") for line in warned)
    assert "204 366.64㎡" in distinct.text.replace(THIN_SPACE, " ")


def test_what_nothing_is_known_of_is_no_pass(checked: dict[str, Ran]) -> None:
    assert checked["as written"].code == 1
    assert "undetermined" in checked["as written"].text


def test_a_head_line_that_differs_within_the_tolerance_is_read_and_said(checked: dict[str, Ran]) -> None:
    assert "面积与表头相差0.0012公顷（表头20.4379，坐标20.4367），以坐标为准" in checked["other_area"].err
    assert "1个地块的面积与表头一致" in checked["other_area"].err
