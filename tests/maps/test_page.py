"""The pages as text: nothing from outside, nothing that ends a script, the same bytes for the same view."""

import dataclasses
import hashlib
import json
import re

import folium
import pytest
import shapely
from folium.plugins import MeasureControl
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import GeoServiceError
from geo_service.maps.board import columns
from geo_service.maps.draw import label_point
from geo_service.maps.offline import STATIC, UnvendoredAsset, render_offline
from geo_service.maps.pack import packed, script_json
from geo_service.maps.page import CHECK, COMPARE, WORKBENCH
from geo_service.maps.safe import safe_text
from geo_service.maps.tiled import CANVAS_SCRIPTS, GL_SCRIPTS
from geo_service.maps.view import MapParcel, parcel_page, zone_page
from geo_service.model.catalogue import Code, FieldSpec
from geo_service.model.text import Text
from tests.maps.zone import HOSTILE, NAMES, parcel_view

OUTSIDE = re.compile(
    r"https?://(?!www\.w3\.org/|leafletjs\.com)[\w.-]*(cdn|unpkg|netdna|jquery|jsdelivr|cloudflare|googleapis|openstreetmap)"
)


def unpacked(box):
    pool = []

    def opened(part):
        if isinstance(part, list):
            return [opened(child) for child in part]
        if not isinstance(part, dict):
            return part
        return pool[part["$"]] if "$" in part else {key: opened(child) for key, child in part.items()}

    for part in box["pool"]:
        pool.append(opened(part))
    return opened(box["value"])


def data_of(page):
    found = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S).group(1))
    return found | {"cards": unpacked(found["cards"]) if found["cards"] else None}


@pytest.fixture(scope="module")
def single(view):
    return zone_page(dataclasses.replace(view, links=False), single_file=True)


def test_the_vendored_files_are_the_ones_written_down():
    listed = {}
    for package in json.loads((STATIC / "vendor.json").read_text())["packages"]:
        assert package["integrity"].startswith("sha512-")
        assert any("LICENSE" in name for name in package["files"])
        listed |= package["files"]
    found = {
        path.relative_to(STATIC).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in STATIC.rglob("*")
        if path.is_file()
    }
    vendored = {path: digest for path, digest in found.items() if "/" in path and not path.startswith("page/")}
    assert vendored == listed


def test_every_script_of_ours_is_read_by_some_page():
    there = {path.stem for path in (STATIC / "page").glob("*.js")}
    assert there == {name for scripts in (WORKBENCH, COMPARE, CHECK, CANVAS_SCRIPTS, GL_SCRIPTS) for name in scripts}


def test_no_static_file_asks_another_host_or_a_source_map():
    for path in [*STATIC.rglob("*.js"), *STATIC.rglob("*.css")]:
        text = path.read_text(encoding="utf-8")
        assert not OUTSIDE.search(text), path
        assert "sourceMappingURL=" not in text, path


def test_an_asset_that_is_not_vendored_stops_the_page():
    drawing = folium.Map(location=[36, 113], tiles=None)
    MeasureControl().add_to(drawing)
    with pytest.raises(UnvendoredAsset, match="leaflet-measure"):
        render_offline(drawing)
    assert issubclass(UnvendoredAsset, GeoServiceError)


def test_rendering_leaves_the_map_library_as_it_was(view):
    before = list(folium.Map.default_js), list(folium.Map.default_css)
    zone_page(view, single_file=False)
    assert (folium.Map.default_js, folium.Map.default_css) == before


def test_the_same_view_gives_the_same_bytes(view, single):
    assert zone_page(dataclasses.replace(view, links=False), single_file=True) == single


def test_the_single_file_names_no_host_and_links_nothing(single):
    assert not OUTSIDE.search(single)
    assert '="/static/' not in single
    assert "/parcels/" not in json.dumps(data_of(single))
    assert "default-src &#39;none&#39;" in single


def test_a_served_page_puts_its_nonce_on_the_inline_script_only(view):
    page = zone_page(view, single_file=False, nonce="n0nce")
    assert page.count('nonce="n0nce"') == 1
    assert not re.search(r"<script>", page)
    assert 'src="/static/leaflet/leaflet.js"' in page
    assert "tile" not in re.sub(r"<script.*?</script>", "", page, flags=re.S)


def test_hostile_names_end_no_script_and_open_no_template(single):
    assert "<img src=x" not in single
    for script in re.findall(r"<script>\s*(var map_main.*?)</script>", single, re.S):
        assert "${" not in script
    assert [parcel["name"] for parcel in data_of(single)["parcels"]][6:10] == list(HOSTILE)


def test_private_fields_of_a_layer_are_not_in_the_page(single):
    assert "不应出现" not in single


def test_the_demo_says_that_it_is_synthetic_and_other_pages_do_not(view, single):
    assert '<strong class="demo"><span class="zh">演示数据</span>' in single
    real = dataclasses.replace(view, synthetic=False, layers=())
    assert "演示数据" not in re.sub(r"<script>.*?</script>", "", zone_page(real, single_file=True), flags=re.S)


def test_a_forced_map_says_so_on_the_page_and_in_the_verdict(view):
    alone = dataclasses.replace(view, links=False)
    page = parcel_page(parcel_view(alone, "CZGX-2024-003"), single_file=True)
    assert "未达条件强制导出" in page.split('id="data"')[0]
    assert data_of(page)["cards"][0]["verdict"]["forced"][0] == "未达条件强制导出"
    for other in (
        parcel_page(parcel_view(alone, "CZGX-2024-001"), single_file=True),
        parcel_page(parcel_view(view, "CZGX-2024-003"), single_file=False),
    ):
        assert "未达条件强制导出" not in other.split('id="data"')[0]


def test_a_page_of_one_parcel_holds_no_other_parcels_findings(view):
    data = data_of(parcel_page(parcel_view(view, "CZGX-2024-003"), single_file=False))
    assert [card["id"] for card in data["cards"]] == ["CZGX-2024-003"]
    assert len(data["parcels"]) == len(view.parcels)
    assert all(set(parcel) == {"id", "name", "mu", "mu2", "at"} for parcel in data["parcels"][1:])
    assert all(sum(entry["count"] for entry in column["legend"]) == 1 for column in data["columns"])


def test_an_empty_workspace_still_has_a_page(view):
    page = zone_page(dataclasses.replace(view, parcels=(), layers=()), single_file=False)
    assert data_of(page)["bounds"] is None


def test_scopes_stand_in_the_tree_one_assessment_each(view, single):
    titles = [layer["title"][0] for layer in data_of(single)["layers"]]
    assert titles[:5] == ["开发区范围", "环境影响", "洪水影响", "水土保持", "地震安全性"]


def with_an_applied_version(view):
    status = FieldSpec(
        name="version_status", title=Text("状态", "Status"), codes={"applied": Code(zh="申请中", en="asked")}
    )
    zone, *rest = view.layers
    name, outline, values = zone.features[0]
    wider = (f"{name}-2", shapely.box(*shapely.buffer(outline, 0.01).bounds), {**values, "version_status": "applied"})
    spec = zone.spec.model_copy(update={"fields": (*zone.spec.fields, status)})
    return dataclasses.replace(
        view, layers=(dataclasses.replace(zone, spec=spec, features=[*zone.features, wider]), *rest)
    )


def test_a_zone_version_applied_for_is_an_entry_of_its_own_and_drawn_unlike_the_approved_one(view):
    page = zone_page(with_an_applied_version(view), single_file=False)
    approved, applied = data_of(page)["layers"][:2]
    assert approved["title"][0] == "开发区范围" and applied["title"][0] == "开发区范围（申请中）"
    assert (approved["ground"], applied["ground"]) == (True, False)
    assert [len(entry["features"]) for entry in (approved, applied)] == [1, 1]
    assert re.findall(r'"dashArray": "([\d. ]+)"', page)[:2] == ["14 4 2.5 4", "4 4"]


def test_real_layers_are_credited_on_the_map_and_invented_ones_by_the_badge(view):
    real = dataclasses.replace(view, layers=(dataclasses.replace(view.layers[0], synthetic=False), *view.layers[1:]))
    assert data_of(zone_page(real, single_file=False))["layers"][0]["credit"] == "演示 · CC BY 4.0"
    assert {layer["credit"] for layer in data_of(zone_page(view, single_file=False))["layers"]} == {""}


def test_a_label_stands_inside_its_parcel_and_clear_of_a_hole(parcels):
    ring = shapely.box(0, 0, 10, 10).difference(shapely.box(4, 4, 6, 6))
    x, y = label_point(dataclasses.replace(parcels[0], geometry=ring))
    assert ring.contains(shapely.Point(x, y))
    assert shapely.distance(shapely.Point(x, y), ring.boundary) > 1.5


def test_every_parcel_is_counted_once_in_each_legend(parcels):
    for column in columns([parcel.record for parcel in parcels], NAMES):
        assert sum(entry["count"] for entry in column["legend"]) == len(parcels)
    verdict = columns([parcel.record for parcel in parcels], NAMES)[0]
    assert [(entry["words"][0], entry["count"]) for entry in verdict["legend"]] == [
        ("不具备条件", 5),
        ("资料不足", 2),
        ("附条件具备", 2),
        ("具备条件", 3),
    ]


def test_three_hundred_parcels_fit_into_an_e_mail(view, parcels):
    many = []
    for n in range(300):
        parcel = parcels[n % len(parcels)]
        record = json.loads(json.dumps(parcel.record))
        record["parcel"] |= {"id": f"P-{n:04}", "area_m2": record["parcel"]["area_m2"] + n / 7}
        record["provenance"]["digest"] = hashlib.sha256(str(n).encode()).hexdigest()
        for finding in [*record["assessments"], *record["constraints"]]:
            finding["message"] = {"zh": f"量得 {n * 17.3:.2f}㎡", "en": f"measured {n * 17.3:.2f} m²"}
        many.append(MapParcel(record, parcel.geometry, parcel.pieces))
    page = zone_page(dataclasses.replace(view, parcels=tuple(many), links=False), single_file=True)
    assert len(page.encode()) < 5_000_000


def test_safe_text_keeps_words_and_disarms_the_rest():
    assert safe_text("长治 GX1") == "长治 GX1"
    for hostile in HOSTILE:
        assert not set(safe_text(hostile)) & set("<>$`{}\"'\\")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=30),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(min_size=2, max_size=8), children, max_size=4)
    ),
    max_leaves=30,
)


@given(json_values)
def test_what_is_packed_comes_back_and_cannot_end_a_script(value):
    written = script_json(packed([value, {"again": value}]))
    assert not set("<>&\u2028\u2029") & set(written)
    assert unpacked(json.loads(written)) == [value, {"again": value}]


def test_titles_are_escaped(view):
    page = zone_page(dataclasses.replace(view, title=Text(HOSTILE[0], HOSTILE[1])), single_file=False)
    assert HOSTILE[0] not in page
