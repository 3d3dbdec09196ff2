"""GeoJSON (RFC 7946), read strictly: no NaN, no duplicate keys, no deep nesting, no guessing."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo_service.errors import Fault, InputError
from geo_service.ingest.faults import refuse_many
from geo_service.ingest.table import RawTable, said_of_heights
from geo_service.ingest.text import spelled
from geo_service.projection import LON_LAT

MAX_DEPTH = 32
# One that does not end goes to the end of the text, so that no place is looked at twice.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))
_GEOMETRIES = frozenset(
    {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"}
)


class BadGeometry(Exception):
    """A geometry object that is not what RFC 7946 says."""

    def __init__(self, zh: str, en: str, code: str = "bad_geometry") -> None:
        super().__init__(zh)
        self.code, self.zh, self.en = code, zh, en


def _refuse(name: str, code: str, zh: str, en: str, value: str | None = None) -> InputError:
    shown = None if value is None else spelled(value)
    return InputError(
        Fault(code, zh, en, "请按 RFC 7946 重新导出", "export it again as RFC 7946", where=name, value=shown)
    )


def parse(data: bytes, name: str) -> Any:
    """Parse JSON strictly.

    Raises
    ------
    InputError
        ``empty_file``, ``encoding``, ``too_deep``, ``bad_json``, ``duplicate_key`` or ``not_a_number``.

    Examples
    --------
    >>> parse(b'{"a": [1, 2]}', "a.json")
    {'a': [1, 2]}
    """
    body = data.removeprefix(b"\xef\xbb\xbf")
    if not body.strip():
        raise _refuse(name, "empty_file", "文件为空", "the file is empty")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refuse(name, "encoding", "JSON 应为 UTF-8 编码", "JSON must be UTF-8", f"byte {error.start}") from error
    if _depth(body) > MAX_DEPTH:
        raise _refuse(name, "too_deep", f"嵌套超过{MAX_DEPTH}层", f"nested more than {MAX_DEPTH} deep")

    def constant(word: str) -> None:
        raise _refuse(name, "not_a_number", "含 NaN 或 Infinity", "holds NaN or Infinity", word)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
            raise _refuse(name, "duplicate_key", "同一对象内有重名键", "an object has a key twice", twice)
        if (key := next((key for key in found if spelled(key) != key), None)) is not None:
            raise _refuse(name, "bad_json", "键含半个字符（不成对的代理码）", "a key holds half a character", key)
        return found

    try:
        return json.loads(text, parse_constant=constant, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise _refuse(
            name,
            "bad_json",
            "不是有效的 JSON",
            "not valid JSON",
            f"line {error.lineno}, column {error.colno}: {error.msg}",
        ) from error
    except (ValueError, RecursionError) as error:
        raise _refuse(name, "bad_json", "不是有效的 JSON", "not valid JSON") from error


def _depth(body: bytes) -> int:
    bare = np.frombuffer(_STRING.sub(b"", body).translate(None, _NO_BRACKETS), dtype=np.uint8)
    steps = np.where((bare == ord("{")) | (bare == ord("[")), 1, -1)
    return int(np.cumsum(steps).max(initial=0))


def read(data: bytes, name: str, most: int | None = None) -> RawTable:
    """Read a Geometry, a Feature or a FeatureCollection.

    Parameters
    ----------
    most : int, optional
        How many features there may be.

    Raises
    ------
    InputError
        When the text is not JSON, or the whole is not GeoJSON. A wrong feature is a rejected row.
    """
    root = parse(data, name)
    if not isinstance(root, dict):
        raise _refuse(name, "bad_geojson", "最外层应为对象", "the outermost value must be an object")
    kind = root.get("type")
    if kind == "FeatureCollection":
        features = root.get("features")
        if not isinstance(features, list):
            raise _refuse(name, "bad_geojson", "FeatureCollection 缺少 features 数组", "no array 'features'")
    elif kind == "Feature":
        features = [root]
    elif isinstance(kind, str) and kind in _GEOMETRIES:
        features = [{"type": "Feature", "geometry": root, "properties": None}]
    else:
        raise _refuse(
            name,
            "bad_geojson",
            "type 应为 FeatureCollection、Feature 或几何类型",
            "'type' is not one of GeoJSON",
            str(kind),
        )
    refuse_many(len(features), most, name)
    declared, how = _declared(root, name)
    table = RawTable(
        "GeoJSON", "", declared, how, "utf-8", "standard", [], np.empty(0, dtype=object), {}, len(features)
    )
    shapes: list[BaseGeometry | None] = []
    properties: list[dict[str, Any]] = []
    ids: list[object] = []
    heights = 0
    for row, feature in enumerate(features, start=1):
        try:
            shape, own, given, high = _feature(feature)
        except BadGeometry as error:
            table.faults.append(
                Fault(
                    error.code,
                    error.zh,
                    error.en,
                    "请按 RFC 7946 修正",
                    "correct it by RFC 7946",
                    row=row,
                    id=_shown_id(feature),
                )
            )
            continue
        heights += high
        table.rows.append(row)
        shapes.append(shape)
        properties.append(own)
        ids.append(given)
    table.geometries = np.empty(len(shapes), dtype=object)
    table.geometries[:] = shapes
    names = dict.fromkeys(key for own in properties for key in own)
    table.columns = {key: [own.get(key) for own in properties] for key in names}
    if any(given is not None for given in ids):
        table.feature_ids = ids
    if heights:
        table.notes.append(said_of_heights(heights))
    return table


def _shown_id(feature: object) -> str | None:
    given = feature.get("id") if isinstance(feature, dict) else None
    return spelled(str(given))[:64] if isinstance(given, str | int | float) else None


def _declared(root: dict[str, Any], name: str) -> tuple[str, str]:
    if "crs" not in root or root["crs"] is None:
        return LON_LAT, "default"
    crs = root["crs"]
    properties = crs.get("properties") if isinstance(crs, dict) else None
    named = properties.get("name") if isinstance(properties, dict) else None
    if not isinstance(crs, dict) or crs.get("type") != "name" or not isinstance(named, str):
        raise _refuse(name, "bad_geojson", "crs 成员应为具名坐标系", "member 'crs' must name a CRS", str(crs)[:200])
    return spelled(named), "declared"


def _feature(feature: object) -> tuple[BaseGeometry | None, dict[str, Any], object, bool]:
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise BadGeometry("不是 Feature 对象", "not a Feature object", "bad_feature")
    if "geometry" not in feature:
        raise BadGeometry("Feature 缺少 geometry", "the Feature has no member 'geometry'", "bad_feature")
    properties = feature.get("properties")
    if properties is not None and not isinstance(properties, dict):
        raise BadGeometry("properties 应为对象", "'properties' must be an object", "bad_feature")
    given = feature.get("id")
    if isinstance(given, bool) or not isinstance(given, str | int | float | None):
        raise BadGeometry("id 应为文字或数值", "'id' must be text or a number", "bad_feature")
    geometry = feature["geometry"]
    if geometry is None:
        return None, properties or {}, given, False
    shape, high = _shape(geometry)
    return shape, properties or {}, given, high


def _shape(geometry: object) -> tuple[BaseGeometry, bool]:
    if not isinstance(geometry, dict):
        raise BadGeometry("geometry 应为对象", "'geometry' must be an object")
    kind = geometry.get("type")
    if kind == "GeometryCollection":
        parts = geometry.get("geometries")
        if not isinstance(parts, list):
            raise BadGeometry("GeometryCollection 缺少 geometries", "no array 'geometries'")
        shapes = [_shape(part) for part in parts]
        return shapely.geometrycollections([shape for shape, _ in shapes]), any(high for _, high in shapes)
    if not isinstance(kind, str) or kind not in _GEOMETRIES:
        shown = spelled(str(kind))
        raise BadGeometry(f"未知的几何类型 {shown}", f"unknown geometry type {shown}")
    if "coordinates" not in geometry:
        raise BadGeometry("缺少 coordinates", "no member 'coordinates'")
    given = geometry["coordinates"]
    if kind == "Point":
        points, high = _positions([given] if given != [] else [])
        return (shapely.points(points[0]) if len(points) else shapely.Point()), high
    if kind == "MultiPoint":
        points, high = _positions(given)
        return shapely.multipoints(shapely.points(points)), high
    if kind == "LineString":
        return _line(given)
    if kind == "MultiLineString":
        return _many(given, _line, shapely.multilinestrings)
    if kind == "Polygon":
        return _polygon(given)
    return _many(given, _polygon, shapely.multipolygons)


def _many(given: object, one: Any, join: Any) -> tuple[BaseGeometry, bool]:
    parts = [one(part) for part in _array(given)]
    return join([shape for shape, _ in parts]), any(high for _, high in parts)


def _array(given: object) -> list[Any]:
    if not isinstance(given, list):
        raise BadGeometry("coordinates 应为数组", "'coordinates' must be an array")
    return given


def _positions(given: object) -> tuple[NDArray[np.float64], bool]:
    """Return n×2 coordinates, and whether there were heights."""
    listed = _array(given)
    if not listed:
        return np.empty((0, 2)), False
    widths = {len(position) if isinstance(position, list) else 0 for position in listed}
    if not widths <= {2, 3}:
        raise BadGeometry("坐标应为2个或3个数值", "a position has 2 or 3 numbers")
    if any(type(number) not in (int, float) for position in listed for number in position):
        raise BadGeometry("坐标应为数值", "a position holds something that is not a number", "not_a_number")
    try:
        points = np.array([position[:2] for position in listed], dtype=float)
    except (OverflowError, ValueError) as error:
        raise BadGeometry("坐标不是有限数值", "a coordinate is not a finite number", "not_a_number") from error
    if not np.isfinite(points).all():
        raise BadGeometry("坐标不是有限数值", "a coordinate is not a finite number", "not_a_number")
    return points, 3 in widths


def _line(given: object) -> tuple[BaseGeometry, bool]:
    points, high = _positions(given)
    if len(points) == 1:
        raise BadGeometry("线至少两个点", "a line has at least two positions")
    return shapely.linestrings(points) if len(points) else shapely.LineString(), high


def _polygon(given: object) -> tuple[BaseGeometry, bool]:
    rings = [_positions(ring) for ring in _array(given)]
    for points, _ in rings:
        if len(points) < 4:
            raise BadGeometry("环至少四个点", "a ring has at least four positions", "ring_too_short")
        if (points[0] != points[-1]).any():
            raise BadGeometry("环未闭合（首末点不同）", "a ring is not closed", "ring_unclosed")
    if not rings:
        return shapely.Polygon(), False
    closed = [shapely.linearrings(points) for points, _ in rings]
    return shapely.polygons(closed[0], closed[1:] or None), any(high for _, high in rings)
