"""Filters in CQL2 (OGC 21-065r2): read by a library, then answered here in three-valued logic.

What a filter may name and do is looked at before the first feature is: an unknown property, an operator that is not
answered here or a literal of another type is refused, never passed over. A comparison with a value that a feature does
not have is neither true nor false, so that neither the filter nor its negation finds the feature.
"""

from __future__ import annotations

import fnmatch
import json
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Any

import cql2
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from geo_service.api.parameters import BOX_IS, civil, corners, day, spanned
from geo_service.model.catalogue import FieldType
from geo_service.model.layer import Value
from geo_service.model.text import Text

#: The longest filter, and how deep its brackets may go: the library's reader goes down the stack with them.
MAX_CHARACTERS = 4000
MAX_DEPTH = 32
GEOMETRY = "geometry"
_MINUSES = re.compile(r"(?:-\s*){3}")
#: A quoted name, or a text literal with the quotes in it, of which the standard has two ways and the library one.
_QUOTED = re.compile(r"""(?P<name>"[^"]*")|'(?:\\'|''|[^'])*'""")
_QUOTES = re.compile(r"\\'|''")
_BRACKETS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_INSTANTS = {"t_after": ">", "t_before": "<", "t_equals": "="}
_SPATIAL: dict[str, Callable[[BaseGeometry, BaseGeometry], Any]] = {
    "s_intersects": shapely.intersects,
    "s_disjoint": shapely.disjoint,
    "s_within": shapely.within,
    "s_contains": shapely.contains,
    "s_touches": shapely.touches,
    "s_crosses": shapely.crosses,
    "s_overlaps": shapely.overlaps,
    "s_equals": shapely.equals,
}
#: What each says when its sides are swapped.
_TURNED = {"s_within": "s_contains", "s_contains": "s_within"}
_KINDS = {FieldType.INTEGER: FieldType.NUMBER}
_WORDS = {
    FieldType.TEXT: Text("文本", "text"),
    FieldType.NUMBER: Text("数值", "a number"),
    FieldType.BOOLEAN: Text("true/false", "true or false"),
    FieldType.DATE: Text("日期", "a date"),
}

Truth = bool | None


@dataclass(frozen=True, slots=True)
class _Row:
    properties: Mapping[str, Value]
    geometry: BaseGeometry | None


_Condition = Callable[[_Row], Truth]
_Read = Callable[[_Row], Any]


class Unreadable(ValueError):
    """A filter that is not answered, and why."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.message = Text(zh, en)


class Filter:
    """A condition on features.

    Parameters
    ----------
    text : str
        CQL2 text, or CQL2 JSON when ``is_json``.
    types : mapping
        Type of every property that may be named.
    clock : tzinfo
        By which an instant is brought to a date.

    Raises
    ------
    Unreadable
        When it cannot be read, or asks for what is not there.

    Examples
    --------
    >>> from datetime import UTC
    >>> types = {"verdict": FieldType.TEXT, "area_mu": FieldType.NUMBER}
    >>> wanted = Filter("verdict = 'ready' AND area_mu >= 100", types, UTC)
    >>> wanted.holds({"verdict": "ready", "area_mu": 306.55}, None), wanted.holds({"verdict": "ready"}, None)
    (True, False)
    """

    def __init__(self, text: str, types: Mapping[str, FieldType], clock: tzinfo, *, is_json: bool = False) -> None:
        _refuse_deep(text)
        try:
            expression = cql2.parse_json(text) if is_json else cql2.parse_text(_doubled(text))
            tree = expression.to_json()
        except Exception as error:  # noqa: BLE001 - the library raises plain ones for what it cannot read
            raise Unreadable(
                f"不是有效的 CQL2：{_place(str(error))}", f"this is no CQL2: {_place(str(error))}"
            ) from None
        self._condition = _Reader(types, clock).condition(tree)

    def holds(self, properties: Mapping[str, Value], geometry: BaseGeometry | None) -> bool:
        """Tell whether a feature is asked for; its geometry is in longitude and latitude."""
        return self._condition(_Row(properties, geometry)) is True


def _refuse_deep(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise Unreadable(f"筛选条件超过 {MAX_CHARACTERS} 个字符", f"the filter has over {MAX_CHARACTERS} characters")
    depth = deepest = 0
    for character in text:
        depth += _BRACKETS.get(character, 0)
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH or _MINUSES.search(text):
        raise Unreadable(
            f"括号嵌套超过 {MAX_DEPTH} 层，或有连续负号",
            f"brackets go deeper than {MAX_DEPTH}, or signs stand one after the other",
        )


def _doubled(text: str) -> str:
    r"""Write ``\'`` in text literals as ``''``: as long, so that what is wrong is still found where it stands.

    Examples
    --------
    >>> print(_doubled(r"name = 'a\'b'"), _doubled(r"name = 'C:\'"))
    name = 'a''b' name = 'C:\'
    """

    def doubled(found: re.Match[str]) -> str:
        return found[0] if found["name"] else "'" + _QUOTES.sub("''", found[0][1:-1]) + "'"

    return _QUOTED.sub(doubled, text)


def _place(error: str) -> str:
    """Return where the library stopped; the rest of its words is a drawing."""
    match = re.search(r"-->\s*(\d+):(\d+)", error)
    return f"{match[1]}:{match[2]}" if match else "1:1"


class _Reader:
    """Turns the tree of CQL2 JSON into functions."""

    def __init__(self, types: Mapping[str, FieldType], clock: tzinfo) -> None:
        self._types = types
        self._clock = clock
        self._depth = 0

    def condition(self, node: Any) -> _Condition:
        """Turn a node and all below it into a function; signs of negation go deep without brackets."""
        self._depth += 1
        if self._depth > 2 * MAX_DEPTH:
            raise Unreadable(f"条件嵌套超过 {2 * MAX_DEPTH} 层", f"conditions go deeper than {2 * MAX_DEPTH}")
        found = self._condition(node)
        self._depth -= 1
        return found

    def _condition(self, node: Any) -> _Condition:
        if isinstance(node, bool):
            return lambda row: node
        if not isinstance(node, Mapping) or "op" not in node or not isinstance(node.get("args"), list):
            raise Unreadable("应为条件", f"a condition is expected, not {_short(node)}")
        name, arguments = str(node["op"]), node["args"]
        if name in {"and", "or"}:
            if len(arguments) < 2:
                raise Unreadable(f"{name} 至少连接两个条件", f"{name} joins at least two conditions")
            return _joined(name == "and", [self.condition(one) for one in arguments])
        if name == "not" and len(arguments) == 1:
            inner = self.condition(arguments[0])
            return lambda row: None if (found := inner(row)) is None else not found
        if name == "isNull" and len(arguments) == 1:
            return self._is_null(arguments[0])
        if name in _SPATIAL and len(arguments) == 2:
            return self._spatial(name, *arguments)
        if name in _COMPARISONS and len(arguments) == 2:
            return self._compared(name, *arguments)
        if name in _INSTANTS and len(arguments) == 2:
            if self._value(arguments[0])[0] is not FieldType.DATE:
                raise Unreadable(f"{name} 用于日期", f"{name} is for dates")
            return self._compared(_INSTANTS[name], *arguments)
        if name == "like" and len(arguments) == 2 and isinstance(_bare(arguments[1]), str):
            return self._like(*arguments)
        if name == "between" and len(arguments) == 3:
            return _joined(
                True,
                [self._compared(">=", arguments[0], arguments[1]), self._compared("<=", arguments[0], arguments[2])],
            )
        if name == "in" and len(arguments) == 2 and isinstance(arguments[1], list):
            return _joined(False, [self._compared("=", arguments[0], one) for one in arguments[1]])
        raise Unreadable(f"不支持 {name[:32]}", f"{name[:32]} is not answered here")

    def _property(self, node: Any) -> str | None:
        if not isinstance(node, Mapping) or "property" not in node:
            return None
        name = str(node["property"])
        if name != GEOMETRY and name not in self._types:
            raise Unreadable(
                f"没有属性 {name[:64]}，见 queryables", f"there is no property {name[:64]}; see the queryables"
            )
        return name

    def _value(self, node: Any) -> tuple[FieldType, _Read]:
        """Return the type of a scalar, and what reads it."""
        name = self._property(node)
        if name is not None and name != GEOMETRY:
            own = self._types[name]
            if own is FieldType.DATE:
                return own, lambda row: _civil(row.properties.get(name))
            return _KINDS.get(own, own), lambda row: row.properties.get(name)
        if isinstance(node, Mapping) and node.get("op") == "casei" and len(node.get("args", ())) == 1:
            kind, read = self._value(node["args"][0])
            if kind is not FieldType.TEXT:
                raise Unreadable("CASEI 用于文本", "CASEI is for text")
            return kind, lambda row: None if (found := read(row)) is None else found.casefold()
        kind, literal = _literal(node, self._clock)
        return kind, lambda row: literal

    def _compared(self, name: str, one: Any, other: Any) -> _Condition:
        (kind, left), (other_kind, right) = self._value(one), self._value(other)
        if kind is not other_kind:
            # Dates are written as plain text often enough.
            kind, left, right = _as_dates(kind, left, one, other_kind, right, other)
        if kind is FieldType.BOOLEAN and name not in {"=", "<>"}:
            raise Unreadable("true/false 只能比较是否相等", "true and false are equal or not, nothing else")
        compare = _COMPARISONS[name]

        def condition(row: _Row) -> Truth:
            first, second = left(row), right(row)
            return None if first is None or second is None else compare(first, second)

        return condition

    def _like(self, one: Any, pattern: Any) -> _Condition:
        kind, read = self._value(one)
        if kind is not FieldType.TEXT:
            raise Unreadable("LIKE 用于文本", "LIKE is for text")
        text = _bare(pattern)
        fits = _pattern(text.casefold() if text is not pattern else text)
        return lambda row: None if (found := read(row)) is None else fits.match(found) is not None

    def _is_null(self, node: Any) -> _Condition:
        name = self._property(node)
        if name is None:
            raise Unreadable("IS NULL 用于属性", "IS NULL is for a property")
        if name == GEOMETRY:
            return lambda row: row.geometry is None
        return lambda row: row.properties.get(name) is None

    def _spatial(self, name: str, one: Any, other: Any) -> _Condition:
        if self._property(one) is None:
            name, one, other = _TURNED.get(name, name), other, one
        if self._property(one) != GEOMETRY:
            raise Unreadable("空间条件用于 geometry", "spatial conditions are for the property geometry")
        relate, literal = _SPATIAL[name], _geometry(other)
        shapely.prepare(literal)
        return lambda row: None if row.geometry is None else bool(relate(row.geometry, literal))


def _joined(all_of_them: bool, conditions: list[_Condition]) -> _Condition:
    """And, or: decided by the first that decides; unknown where none does and one is unknown."""
    decisive = not all_of_them

    def condition(row: _Row) -> Truth:
        unknown = False
        for one in conditions:
            found = one(row)
            if found is decisive:
                return decisive
            unknown = unknown or found is None
        return None if unknown else not decisive

    return condition


def _literal(node: Any, clock: tzinfo) -> tuple[FieldType, Value]:
    if isinstance(node, bool):
        return FieldType.BOOLEAN, node
    if isinstance(node, int | float):
        return FieldType.NUMBER, node
    if isinstance(node, str):
        return FieldType.TEXT, node
    if isinstance(node, Mapping):
        if isinstance(node.get("date"), str):
            return FieldType.DATE, _day(node["date"])
        if isinstance(node.get("timestamp"), str):
            return FieldType.DATE, _instant(node["timestamp"], clock)
    raise Unreadable(f"不支持 {_short(node)}", f"{_short(node)} is not answered here")


def _as_dates(
    kind: FieldType, left: _Read, one: Any, other_kind: FieldType, right: _Read, other: Any
) -> tuple[FieldType, _Read, _Read]:
    if kind is FieldType.DATE and isinstance(other, str):
        day = _day(other)
        return kind, left, lambda row: day
    if other_kind is FieldType.DATE and isinstance(one, str):
        day = _day(one)
        return other_kind, lambda row: day, right
    ours, theirs = _WORDS[kind], _WORDS[other_kind]
    raise Unreadable(f"{ours.zh}不能与{theirs.zh}比较", f"{ours.en} cannot be compared with {theirs.en}")


def _day(text: str) -> date:
    try:
        found: date = day(text)
    except ValueError:
        raise Unreadable("应为 YYYY-MM-DD 形式的日期", "a date must be of the form YYYY-MM-DD") from None
    return found


def _instant(text: str, clock: tzinfo) -> date:
    try:
        return civil(text, clock)
    except ValueError:
        raise Unreadable(
            "应为 YYYY-MM-DDThh:mm:ssZ 形式的时刻", "an instant must be of the form YYYY-MM-DDThh:mm:ssZ"
        ) from None


def _civil(value: Value) -> date | None:
    """Return a date, also where an answer has it as text already."""
    if isinstance(value, str):
        return date.fromisoformat(value)
    return value if isinstance(value, date) else None


def _bare(node: Any) -> Any:
    """Return the text of a literal that may stand in CASEI."""
    if isinstance(node, Mapping) and node.get("op") == "casei" and len(node.get("args", ())) == 1:
        return node["args"][0]
    return node


def _pattern(text: str) -> re.Pattern[str]:
    r"""Compile a pattern with ``%`` for anything and ``_`` for one character; ``\`` takes their meaning away.

    Examples
    --------
    >>> bool(_pattern("CZGX%").match("CZGX-2024-003")), bool(_pattern(r"100\%").match("1000"))
    (True, False)
    """
    glob = ""
    for taken, character in re.findall(r"(\\?)(.)", text, re.DOTALL):
        glob += {"%": "*", "_": "?"}.get(character, "") if not taken and character in "%_" else f"[{character}]"
    return re.compile(fnmatch.translate(glob.replace("[!]", "!").replace("[^]", "^")))


def _geometry(node: Any) -> BaseGeometry:
    if isinstance(node, Mapping) and isinstance(node.get("bbox"), list):
        try:
            return spanned(corners([float(number) for number in node["bbox"]]))
        except (ValueError, TypeError):
            raise Unreadable(f"BBOX 应为 {BOX_IS.zh}", f"BBOX must be {BOX_IS.en}") from None
    try:
        found: BaseGeometry = shape(json.loads(json.dumps(node)))
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, shapely.errors.GEOSException):
        raise Unreadable(
            "应为图形（WKT 或 GeoJSON，经度在前）", "a geometry is expected: WKT or GeoJSON, longitude first"
        ) from None
    if not found.is_valid:
        raise Unreadable("图形自相交或不闭合", "the geometry crosses itself or is not closed")
    return found


def _short(node: Any) -> str:
    """Name a node without going into it: it may be deep."""
    if isinstance(node, Mapping):
        return str(node.get("op") or node.get("property") or next(iter(node), ""))[:64]
    return str(node)[:64] if isinstance(node, str | int | float) else type(node).__name__
