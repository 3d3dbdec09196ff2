"""Layers and land-use codes: what a bureau's files are read as, and what a wrong description is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from geo_service.errors import CatalogueError
from geo_service.model.catalogue import Catalogue, Extent, GeometryKind, Secrecy
from geo_service.store.definitions import bundled, load_catalogue

Spoil = Callable[[str, str, str], Path]

FIELDS_OF_THE_CONTRACT = {
    "zones": "name version_status required_codes core_codes readiness_standard indicators supply_window_days",
    "parcels": "name land_use zone registered_area_m2 project_type planned_notice_on",
    "assessment_scopes": "code report_no approved_by approved_on progress effect excluded_project_types waiver_doc_no "
    "zone_version",
    "land_approvals": "doc_no",
    "flood_zones": "return_period_years depth_m",
    "platforms": "design_elevation_m",
    "river_ranges": "class",
    "detention_basins": "class",
    "geohazard": "class",
    "goaf": "class",
    "ore": "mineral strategic approval_doc_no",
    "mining_rights": "kind holder",
    "heritage": "class",
    "farmland": "class",
    "ecological_redline": "class",
    "urban_boundary": "class",
    "planned_use": "code code_system",
    "present_use": "code code_system",
    "existing_rights": "class",
    "supplied_land": "class",
    "soil": "class",
    "water_mains": "dn_mm state",
    "sewers": "dn_mm state",
    "rain_drains": "dn_mm state",
    "gas_mains": "dn_mm state",
    "heat_mains": "dn_mm state",
    "power": "kv spare_kva state",
    "roads": "class width_m state",
    "telecom": "state",
}
RASTERS = ("flood_depth", "ground_elevation", "design_elevation")


def test_every_layer_of_the_contract_is_there_with_its_fields(catalogue: Catalogue) -> None:
    context = {name for name, spec in catalogue.layers.items() if spec.group == "context"}
    assert set(catalogue.layers) == {*FIELDS_OF_THE_CONTRACT, *RASTERS, *context}
    assert not context & {*FIELDS_OF_THE_CONTRACT, *RASTERS}
    for layer, names in FIELDS_OF_THE_CONTRACT.items():
        spec = catalogue.layers[layer]
        for name in ("id", "valid_from", "valid_to", "status", "doc_no", *names.split()):
            assert spec.field(name) is not None, f"{layer}.{name}"
    for layer in RASTERS:
        assert catalogue.layers[layer].geometry is GeometryKind.RASTER
        assert catalogue.layers[layer].unit == "m"


@pytest.mark.parametrize(
    ("layer", "field", "written", "code"),
    [
        ("geohazard", "class", "大", "high"),
        ("geohazard", "class", "中等", "moderate"),
        ("water_mains", "state", "已通水", "in_service"),
        ("water_mains", "state", "规划", "planned"),
        ("zones", "version_status", "已批", "approved"),
        ("zones", "version_status", "申请", "applied"),
        ("heritage", "class", "建控地带", "control"),
        ("mining_rights", "kind", "煤层气", "coal_bed_methane"),
        ("goaf", "class", "资料覆盖范围", "surveyed"),
        ("assessment_scopes", "code", "水保", "SWC"),
        ("assessment_scopes", "progress", "评审", "in_review"),
    ],
)
def test_chinese_values_are_read_as_codes(
    catalogue: Catalogue, layer: str, field: str, written: str, code: str
) -> None:
    spec = catalogue.layers[layer].field(field)
    assert spec is not None
    assert [name for name, entry in spec.codes.items() if written in (entry.zh, *entry.aliases)] == [code]


@pytest.mark.parametrize(
    ("layer", "column", "field"),
    [
        ("parcels", "宗地编号", "id"),
        ("parcels", "宗地代码", "id"),
        ("parcels", "DKBH", "id"),
        ("parcels", "ZDDM", "id"),
        ("parcels", "DKMC", "name"),
        ("parcels", "BDCDYH", "unit_no"),
        ("parcels", "YDYHDL", "land_use"),
        ("present_use", "DLBM", "code"),
        ("land_approvals", "PZWH", "doc_no"),
        ("mining_rights", "QLR", "holder"),
    ],
)
def test_columns_of_chinese_files_find_their_field(catalogue: Catalogue, layer: str, column: str, field: str) -> None:
    spec = catalogue.layers[layer].field(field)
    assert spec is not None and column in spec.aliases


def test_extents_are_declared_so_that_nothing_passes_for_surveyed_by_silence(catalogue: Catalogue) -> None:
    everywhere = {spec.id for spec in catalogue.layers.values() if spec.surveyed_extent is Extent.JURISDICTION}
    assert everywhere == {"zones", "parcels", "land_approvals", "urban_boundary", "platforms"}
    assert catalogue.layers["assessment_scopes"].surveyed_extent is Extent.ZONES
    assert catalogue.layers["assessment_scopes"].geometry_from == "zone_version"
    for spec in catalogue.layers.values():
        if spec.surveyed_extent is Extent.FEATURES and spec.id not in ("planned_use", "present_use"):
            assert (spec.class_field, spec.surveyed_class) == ("class", "surveyed"), spec.id


def test_only_these_layers_are_public_and_personal_data_is_private(catalogue: Catalogue) -> None:
    read = [spec for spec in catalogue.layers.values() if spec.group != "context"]
    public = {spec.id for spec in read if spec.secrecy is Secrecy.PUBLIC}
    assert public == {"zones", "parcels", "assessment_scopes", "land_approvals", "roads"}
    for layer, name in (("mining_rights", "holder"), ("ore", "reserve"), ("existing_rights", "holder")):
        field = catalogue.layers[layer].field(name)
        assert field is not None and field.private, f"{layer}.{name}"


def test_a_mineral_query_of_20_may_holds_to_20_november(catalogue: Catalogue) -> None:
    assert catalogue.layers["ore"].max_age_days == 184


def test_colours_tell_the_layers_apart(catalogue: Catalogue) -> None:
    colors = [spec.color.lower() for spec in catalogue.layers.values()]
    assert len(set(colors)) == len(colors)


@pytest.mark.parametrize(
    ("code", "system", "meaning"),
    [
        ("M1", None, ("100101",)),
        ("M2", "GB 50137", ("100102",)),
        ("W3", None, ("110103",)),
        ("U11", None, ("1301",)),
        ("U13", None, ("1304",)),
        ("1001", "用地用海", ("1001",)),
        ("1001", "三调", ("1201",)),
        ("0601", "三调", ("1001",)),
        ("0103", "三调", ("0103",)),
        ("1001", None, ()),
        ("100102", None, ()),
        ("Q7", None, ()),
        ("1001", "某体系", ()),
    ],
)
def test_a_code_means_something_only_with_its_system(
    catalogue: Catalogue, code: str, system: str | None, meaning: tuple[str, ...]
) -> None:
    assert catalogue.meaning(code, system) == meaning


def test_supply_facilities_have_several_meanings(catalogue: Catalogue) -> None:
    assert len(catalogue.meaning("U1", None)) > 1


def test_reading_twice_gives_the_same_value_and_hash(catalogue: Catalogue) -> None:
    again = load_catalogue(bundled()[0])
    assert again == catalogue
    assert len(again.sha256) == 64


def test_any_change_of_a_file_changes_the_hash(catalogue: Catalogue, spoil_layers: Spoil) -> None:
    directory = spoil_layers("geohazard.toml", "width_m = 0.50", "width_m = 0.60")
    assert load_catalogue(directory).sha256 != catalogue.sha256


@pytest.mark.parametrize(
    ("name", "old", "new", "fault"),
    [
        ("geohazard.toml", "width_m =", "widht_m =", "geohazard.toml: widht_m: 未知的键"),
        (
            "geohazard.toml",
            'name = "hazard"',
            'name = "hazard"\ncolour = "red"',
            "geohazard.toml: fields.3.colour: 未知的键",
        ),
        (
            "geohazard.toml",
            'en = "Geological hazard class"}',
            'en = "x", fr = "y"}',
            "geohazard.toml: title.fr: 未知的键",
        ),
        ("geohazard.toml", 'geometry = "polygon"\n', "", "geohazard.toml: geometry: 缺少必填的键"),
        ("geohazard.toml", 'id = "geohazard"', 'id = "hazards"', "geohazard.toml: id: 文件名须与图层编号一致"),
        ("geohazard.toml", 'class_field = "class"', 'class_field = "klass"', "geohazard.toml: class_field: 没有字段"),
        (
            "geohazard.toml",
            'aliases = ["大",',
            'aliases = ["大", "小",',
            "geohazard.toml: fields.class.codes: “小”对应多个代码",
        ),
        ("geohazard.toml", '"灾种"', '"mc"', "geohazard.toml: fields.aliases: 别名“mc”属于多个字段"),
        ("geohazard.toml", "title = {", "title = ", "geohazard.toml: TOML格式有误"),
        (
            "codes/gb50137_2011.toml",
            '"100101"',
            '"109901"',
            "codes/gb50137_2011.toml: codes.M1.same_as: 参照体系没有“109901”",
        ),
        ("codes/survey3.toml", 'id = "survey3"', 'id = "survey2"', "codes/survey3.toml: id: 文件名须与体系编号一致"),
        ("codes/survey3.toml", "\n1001 =", "\nX01 =", "codes/survey3.toml: codes.X01: 与pattern不符"),
        ("codes/landsea_2023.toml", "reference = true\n", "", "codes: reference: 须有且只有一个参照体系"),
    ],
)
def test_a_wrong_description_is_one_line_with_file_and_key(
    spoil_layers: Spoil, name: str, old: str, new: str, fault: str
) -> None:
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(spoil_layers(name, old, new))
    lines = str(caught.value).splitlines()
    assert any(line.startswith(fault) for line in lines), lines
    assert all(" / " in line for line in lines)


def test_all_faults_are_told_at_once(layers_copy: Path) -> None:
    for name in ("goaf.toml", "soil.toml"):
        path = layers_copy / name
        path.write_text("surprise = 1\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(layers_copy)
    assert str(caught.value).splitlines() == [
        "goaf.toml: surprise: 未知的键 / unknown key",
        "soil.toml: surprise: 未知的键 / unknown key",
    ]


def test_an_empty_directory_is_no_catalogue(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="没有图层定义文件"):
        load_catalogue(tmp_path)


def test_a_file_in_a_wrong_place_is_not_overlooked(layers_copy: Path) -> None:
    (layers_copy / "more").mkdir()
    (layers_copy / "more" / "x.toml").write_text("", encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"more/x\.toml: 不在规定目录"):
        load_catalogue(layers_copy)


def test_a_file_in_the_wrong_encoding_is_named(layers_copy: Path) -> None:
    path = layers_copy / "soil.toml"
    path.write_bytes(path.read_text(encoding="utf-8").encode("gb18030"))
    with pytest.raises(CatalogueError, match=r"soil\.toml: 须为UTF-8编码"):
        load_catalogue(layers_copy)
