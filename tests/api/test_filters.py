"""CQL2 filters: each finds what the same words find in the answers themselves, and what is not answered is refused."""

from __future__ import annotations

import json
import operator
import subprocess
import sys
from datetime import date
from zoneinfo import ZoneInfo

import cql2
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_service.api.cql import MAX_CHARACTERS, MAX_DEPTH, Filter, Unreadable
from geo_service.model.catalogue import FieldType
from geo_service.projection import lon_lat
from tests import world

TYPES = {
    "name": FieldType.TEXT,
    "area_mu": FieldType.NUMBER,
    "count": FieldType.INTEGER,
    "met": FieldType.BOOLEAN,
    "valid_until": FieldType.DATE,
}
SHANGHAI = ZoneInfo("Asia/Shanghai")
ROW = {"name": "已覆盖 A%", "area_mu": 306.55, "count": 3, "met": True, "valid_until": date(2026, 12, 1)}
PLACE = shapely.box(113.0, 36.0, 113.1, 36.1)


def holds(text: str, row: dict | None = None, place: shapely.Geometry | None = PLACE) -> bool:
    return Filter(text, TYPES, SHANGHAI).holds(ROW if row is None else row, place)


@pytest.fixture(scope="module")
def verdicts(served) -> list[dict]:
    return served.get("/collections/verdicts/items?limit=1000").json()["features"]


def ids(served, text: str, **more: str) -> list[str]:
    answer = served.get("/collections/verdicts/items", params={"filter": text, "limit": 1000, **more})
    assert answer.status_code == 200, answer.text
    assert answer.json()["numberMatched"] == len(answer.json()["features"])
    return [entry["id"] for entry in answer.json()["features"]]


@pytest.mark.parametrize(
    ("text", "test"),
    [
        ("verdict = 'ready'", lambda row: row["verdict"] == "ready"),
        ("verdict <> 'ready' AND area_mu > 10", lambda row: row["verdict"] != "ready" and row["area_mu"] > 10),
        ("verdict IN ('ready','conditional')", lambda row: row["verdict"] in ("ready", "conditional")),
        ("NOT verdict = 'ready' OR area_m2 BETWEEN 1 AND 9", lambda row: row["verdict"] != "ready"),
        ("valid_until IS NULL", lambda row: row["valid_until"] is None),
        ("valid_until > DATE('2027-01-01')", lambda row: (row["valid_until"] or "") > "2027-01-01"),
        ("NOT valid_until > DATE('2027-01-01')", lambda row: (row["valid_until"] or "x") <= "2027-01-01"),
        ("CASEI(parcel_id) LIKE CASEI('p%')", lambda row: row["parcel_id"].lower().startswith("p")),
        ("readiness_met = false", lambda row: row["readiness_met"] is False),
        ("zone = 'Z'", lambda row: row["zone"] == "Z"),
        ("parcel_id LIKE '地块%'", lambda row: row["parcel_id"].startswith("地块")),
    ],
)  # fmt: skip
def test_a_filter_finds_what_the_answers_say(served, verdicts, text, test):
    expected = [entry["id"] for entry in verdicts if test(entry["properties"])]
    assert ids(served, text) == expected
    as_json = json.dumps(cql2.parse_text(text).to_json())
    assert ids(served, as_json, **{"filter-lang": "cql2-json"}) == expected


def test_a_place_is_asked_for(served, verdicts):
    west, south, east, north = lon_lat(world.box(110, 110, 290, 290), world.CRS).bounds
    square = shapely.box(west, south, east, north)
    expected = [
        entry["id"] for entry in verdicts if shapely.intersects(shapely.geometry.shape(entry["geometry"]), square)
    ]
    assert expected and len(expected) < len(verdicts)
    assert ids(served, f"S_INTERSECTS(geometry,{square.wkt})") == expected
    assert ids(served, f"S_INTERSECTS(BBOX({west},{south},{east},{north}),geometry)") == expected
    assert ids(served, f"S_DISJOINT(geometry,{square.wkt})") == [e["id"] for e in verdicts if e["id"] not in expected]


def test_a_box_means_in_a_filter_what_it_means_beside_it(served, verdicts):
    west, south, east, north = lon_lat(world.box(110, 110, 290, 290), world.CRS).bounds
    for box, status in (
        ((west, south, east, north), 200),
        ((east, south, west, north), 200),
        ((east + 0.05, south, west - 0.05, north), 200),
        ((west, south, 0, east, north, 9), 200),
        ((west, south, west, south), 200),
        ((west, north, east, south), 400),
        ((west, south, east), 400),
    ):
        text = ",".join(map(str, box))
        beside = served.get("/collections/verdicts/items", params={"bbox": text, "limit": 1000})
        node = {"op": "s_intersects", "args": [{"property": "geometry"}, {"bbox": box}]}
        for asked in (
            {"filter": f"S_INTERSECTS(geometry,BBOX({text}))"},
            {"filter": json.dumps(node), "filter-lang": "cql2-json"},
        ):
            answer = served.get("/collections/verdicts/items", params={**asked, "limit": 1000})
            assert (answer.status_code, beside.status_code) == (status, status), box
            if status == 200:
                assert answer.json()["features"] == beside.json()["features"], box
    behind = ids(served, f"S_INTERSECTS(geometry,BBOX({east},{south},{west},{north}))")
    assert behind and "P" in behind, "it goes round the globe and comes back"
    assert len(behind) < len(verdicts)


def _across(square: shapely.Geometry) -> shapely.Geometry:
    west, south, east, north = square.bounds
    return shapely.LineString([(west - 1e-4, (south + north) / 2), (east + 1e-4, (south + north) / 2)])


FAR = shapely.box(100, 30, 101, 31)
#: Each says something else of the parcel P than of the others.
RELATED = {
    "S_EQUALS": (shapely.equals, lambda square: square),
    "S_CROSSES": (shapely.crosses, _across),
    "S_OVERLAPS": (shapely.overlaps, lambda square: shapely.affinity.translate(square, 1e-4, 1e-4)),
    "S_TOUCHES": (shapely.touches, lambda square: square.boundary),
    "S_WITHIN": (shapely.within, lambda square: square.buffer(1e-5)),
    "S_CONTAINS": (shapely.contains, lambda square: square.centroid.buffer(1e-5)),
    "S_DISJOINT": (shapely.disjoint, _across),
}


@pytest.mark.parametrize("name", RELATED)
def test_each_relation_finds_what_lies_so(served, verdicts, name):
    relate, drawn = RELATED[name]
    shapes = {entry["id"]: shapely.geometry.shape(entry["geometry"]) for entry in verdicts}
    literal = drawn(shapes["P"])
    expected = [id_ for id_, one in shapes.items() if relate(one, literal)]
    assert ("P" in expected) is (name != "S_DISJOINT") and 0 < len(expected) < len(shapes)
    text = f"{name}(geometry,{literal.wkt})"
    assert ids(served, text) == expected
    as_json = {"op": name.lower(), "args": [{"property": "geometry"}, shapely.geometry.mapping(literal)]}
    assert ids(served, json.dumps(as_json), **{"filter-lang": "cql2-json"}) == expected
    turned = {"S_WITHIN": "S_CONTAINS", "S_CONTAINS": "S_WITHIN"}.get(name, name)
    assert ids(served, f"{turned}({literal.wkt},geometry)") == expected, "said the other way round"


@pytest.mark.parametrize(
    "kind",
    ["Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"],
)
def test_every_kind_of_geometry_may_be_named(served, verdicts, kind):
    shapes = {entry["id"]: shapely.geometry.shape(entry["geometry"]) for entry in verdicts}
    point, line = shapes["P"].centroid, _across(shapes["P"])
    literal = {
        "Point": point,
        "MultiPoint": shapely.multipoints([shapely.Point(100, 30), point]),
        "LineString": line,
        "MultiLineString": shapely.multilinestrings([FAR.exterior, line]),
        "Polygon": point.buffer(1e-5),
        "MultiPolygon": shapely.multipolygons([FAR, point.buffer(1e-5)]),
        "GeometryCollection": shapely.geometrycollections([shapely.Point(100, 30), line, FAR]),
    }[kind]
    assert literal.geom_type == kind
    expected = [id_ for id_, one in shapes.items() if shapely.intersects(one, literal)]
    assert "P" in expected and len(expected) < len(shapes)
    assert ids(served, f"S_INTERSECTS(geometry,{literal.wkt})") == expected
    as_json = {"op": "s_intersects", "args": [{"property": "geometry"}, shapely.geometry.mapping(literal)]}
    assert ids(served, json.dumps(as_json), **{"filter-lang": "cql2-json"}) == expected


def test_pages_of_a_filter_hold_all_it_finds(served):
    path, together = "/collections/verdicts/items?filter=area_mu%20%3E%200&limit=7", []
    while path:
        page = served.get(path).json()
        together += [entry["id"] for entry in page["features"]]
        path = next((entry["href"] for entry in page["links"] if entry["rel"] == "next"), "")
    assert together == ids(served, "area_mu > 0")


@pytest.mark.parametrize(
    "text",
    [
        "nosuch = 1",
        "verdict = 1",
        "area_mu = 'x'",
        "area_mu > true",
        "readiness_met > true",
        "valid_until > 'soon'",
        "foo(verdict) = 1",
        "area_mu + 1 > 2",
        "verdict = 'ready",
        "verdict",
        "",
        "S_INTERSECTS(geometry, POINT(1 1)) = 1",
        "S_INTERSECTS(zone, POINT(1 1))",
        "S_INTERSECTS(geometry, POLYGON((0 0,1 1,1 0,0 1,0 0)))",
        "T_DURING(valid_until, INTERVAL('2026-01-01','2027-01-01'))",
        "area_mu LIKE 'x%'",
    ],
)
def test_what_is_not_answered_is_refused(served, text):
    answer = served.get("/collections/verdicts/items", params={"filter": text})
    assert answer.status_code == 400, answer.text
    assert "filter" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["and", "or"])
@pytest.mark.parametrize("joined", [[], [{"op": ">", "args": [{"property": "area_mu"}, 0]}]])
def test_what_joins_fewer_than_two_conditions_is_refused(served, name, joined):
    asked = {"filter": json.dumps({"op": name, "args": joined}), "filter-lang": "cql2-json"}
    answer = served.get("/collections/verdicts/items", params=asked)
    assert answer.status_code == 400, answer.text
    assert "filter" in answer.json()["detail"]


def test_another_language_or_crs_of_a_filter_is_refused(served):
    path = "/collections/verdicts/items"
    assert served.get(path, params={"filter": "area_mu>1", "filter-lang": "cql"}).status_code == 400
    here = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
    assert served.get(path, params={"filter": "area_mu>1", "filter-crs": here}).status_code == 200
    assert served.get(path, params={"filter": "area_mu>1", "filter-crs": here + "x"}).status_code == 400


def test_what_a_feature_does_not_have_is_neither_so_nor_otherwise():
    for text in (
        "area_mu = 1",
        "area_mu <> 1",
        "NOT area_mu = 1",
        "name LIKE '%'",
        "NOT S_INTERSECTS(geometry, POINT(1 1))",
    ):
        assert not holds(text, {}, None), text
    assert holds("area_mu = 1 OR name IS NULL", {}, None)
    assert not holds("NOT (area_mu = 1 AND name IS NULL)", {}, None)
    assert holds("NOT (area_mu = 1 AND name IS NOT NULL)", {}, None)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("name LIKE '已覆%'", True),
        ("name LIKE '已覆盖 A\\%'", True),
        ("name LIKE '已覆盖 A\\_'", False),
        ("name LIKE '已覆盖 __'", True),
        ("name LIKE '覆盖%'", False),
        ("CASEI(name) LIKE CASEI('%a\\%')", True),
        ("CASEI(name) = CASEI('已覆盖 a%')", True),
        ("valid_until = '2026-12-01'", True),
        ("T_AFTER(valid_until, DATE('2026-11-30'))", True),
        ("T_BEFORE(valid_until, TIMESTAMP('2026-12-01T08:00:00Z'))", False),
        ("T_EQUALS(valid_until, TIMESTAMP('2026-11-30T17:00:00Z'))", True),
        ("T_EQUALS(valid_until, TIMESTAMP('2026-11-30T15:59:59.9Z'))", False),
        ("valid_until = TIMESTAMP('2026-12-01T17:00:00Z')", False),
        ("valid_until = TIMESTAMP('2026-12-01garbage')", None),
        ("valid_until = TIMESTAMP('2026-12-01T99:99:99Z')", None),
        ("valid_until = TIMESTAMP('9999-12-31T23:00:00Z')", None),
        ("valid_until = DATE('2026-12-01T00:00:00Z')", None),
        ("valid_until = DATE('20261201')", None),
        ("valid_until = '2026-W49-2'", None),
        ("count = 3 AND met", None),
        ("S_WITHIN(geometry, BBOX(112,35,114,37))", True),
        ("S_CONTAINS(BBOX(112,35,114,37), geometry)", True),
        ("S_WITHIN(BBOX(113.01,36.01,113.02,36.02), geometry)", True),
        ("S_TOUCHES(geometry, POINT(113.1 36.05))", True),
    ],
)  # fmt: skip
def test_single_words(text, found):
    if found is None:
        with pytest.raises(Unreadable):
            holds(text)
    else:
        assert holds(text) is found


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (r"name = 'a\'b'", "a'b"),
        (r"name = 'a''b'", "a'b"),
        (r"name = '\'' AND name <> '\'\''", "'"),
        (r"name = '\'''\''", "'''"),
        (r"name LIKE 'a\'%'", "a'b"),
        (r"name = 'a\b'", r"a\b"),
        (r"name = 'C:\'", "C:\\"),
        (r"name = 'a\\b' OR name = 'it\'s'", r"a\\b"),
        (r""""it's" = 1 OR name = 'b\'s'""", "b's"),
    ],
)
def test_a_quote_in_a_text_is_doubled_or_has_a_backslash(text, name):
    types = {**TYPES, "it's": FieldType.NUMBER}
    wanted = Filter(text, types, SHANGHAI)
    assert wanted.holds({"name": name, "it's": 2}, None)
    assert not wanted.holds({"name": name + "x" if "LIKE" not in text else "x" + name, "it's": 2}, None)


def test_what_is_wrong_after_a_quote_is_found_where_it_stands():
    with pytest.raises(Unreadable, match="1:25"):
        holds(r"name = 'a\'b' AND count ! 3")


def test_a_pattern_of_many_stars_is_answered_at_once():
    row = {**ROW, "name": "a" * 5000}
    assert not holds("name LIKE '" + "%a" * 500 + "b'", row)


SIGNS = {"=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
PARTS = st.tuples(st.sampled_from(sorted(SIGNS)), st.integers(-3, 3), st.sampled_from(["AND", "OR"]), st.booleans())


@given(st.lists(PARTS, min_size=1, max_size=6), st.integers(-3, 3) | st.none())
def test_combinations_mean_what_three_valued_logic_says(parts, value):
    text, truth = "", None
    for index, (sign, number, joint, negated) in enumerate(parts):
        one = None if value is None else SIGNS[sign](value, number) is not negated
        piece = f"{'NOT ' if negated else ''}count {sign} {number}"
        if index == 0:
            text, truth = piece, one
        elif joint == "AND":
            text = f"({text}) AND ({piece})"
            truth = False if truth is False or one is False else None if truth is None or one is None else True
        else:
            text = f"({text}) OR ({piece})"
            truth = True if truth is True or one is True else None if truth is None or one is None else False
    assert Filter(text, TYPES, SHANGHAI).holds({"count": value}, None) is (truth is True)


BOMBS = {
    "brackets": "(" * 1990 + "count=1" + ")" * 1990,
    "open": "(" * 3990,
    "signs": "-" * 3900 + "1=count",
    "signs apart": "- " * 1900 + "1=count",
    "nots": "NOT " * 990 + "count=1",
    "functions": "f(" * 1300 + "count" + ")" * 1300 + "=1",
    "as deep as may be": "(" * MAX_DEPTH + "count=1" + ")" * MAX_DEPTH,
    "powers": "count^" * 600 + "count=1",
    "quotes": "'" * 3999,
    "json": '{"op":"not","args":[' * 170 + "true" + "]}" * 170,
    "long": "count=1 AND " * 400 + "count=1",
}


def test_no_filter_ends_the_process():
    """The library's reader overflows the stack on some of them, so they must be refused before."""
    script = (
        "import sys, json\n"
        "from datetime import UTC\n"
        "from geo_service.api.cql import Filter, Unreadable\n"
        "from geo_service.model.catalogue import FieldType\n"
        "for text in json.load(sys.stdin):\n"
        "    for is_json in (False, True):\n"
        "        try:\n"
        "            Filter(text, {'count': FieldType.NUMBER}, UTC, is_json=is_json).holds({'count': 1}, None)\n"
        "        except Unreadable:\n"
        "            pass\n"
        "print('alive')\n"
    )
    bombs = json.dumps(list(BOMBS.values()))
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, input=bombs, capture_output=True, text=True, timeout=600
    )
    assert done.stdout == "alive\n", done.stderr
    assert all(len(text) <= MAX_CHARACTERS for name, text in BOMBS.items() if name != "long")
