"""The surveyors' coordinate exchange TXT: a header, then parcels as numbered boundary points.

In this format X is the northing and Y the easting. What is unambiguous is read and said aloud: X and Y swapped by
magnitude, a missing zone, another number of points, an open ring. What contradicts itself is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo_service.errors import Fault, InputError, RejectedRows
from geo_service.ingest.crs import refuse_offset
from geo_service.ingest.placement import ZONE_WIDTH_M
from geo_service.ingest.table import RawTable
from geo_service.ingest.text import decode
from geo_service.model.parcel import Repair
from geo_service.model.rulebook import BoundaryTxt, Jurisdiction, ZoneSeries
from geo_service.model.units import M2_PER_HA
from geo_service.projection import codes, shift

HEADER, BODY = "[属性描述]", "[地块坐标]"
CLOSING_M = 0.001
#: Half a unit in the fourth decimal of a hectare, to which head lines are rounded.
AREA_ROUNDING_M2 = 0.5 + 1e-6
_HEAD_FIELDS = 9
_POINT_FIELDS = 4
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
#: A letter beside a digit, such as O for 0. In Chinese it is no letter: it names the unit.
_LETTER_IN_NUMBER = re.compile(r"\d[^\W\d_\u4e00-\u9fff]|[^\W\d_\u4e00-\u9fff]\d")
_HECTARES = re.compile(r"\s*(公顷|hm2|hm²|ha)\Z", re.IGNORECASE)
#: No count, zone or band has more digits.
_MAX_DIGITS = 9
#: Names of columns that converters write where they had no value.
_PLACEHOLDERS = frozenset({"DKMC", "TFH", "DKYT", "DLBM"})
_MAX_DEGREES = 360.0
# One degree of a meridian is between 110.5 and 111.7 km; the box is widened so that this plays no part.
_METRES_A_DEGREE = (109_000.0, 113_000.0)
_MIN_EASTING_M = 10_000.0
#: Beyond every easting with its zone; a number of more digits may be infinite.
_MAX_COORDINATE_M = 1e8
#: More than the surface of the globe; a number of more digits may be infinite.
_MAX_AREA_HA = 1e11


@dataclass
class _Point:
    name: str
    ring: str
    x: float
    y: float
    line: int


@dataclass
class _Block:
    """One parcel as it is written.

    Attributes
    ----------
    last : bool
        Whether the file ends with it; where it does too early, points are missing, and in others one was miscounted.
    ended : bool
        Whether its last line has an end; without one a number may be cut.
    doubtful : bool
        Whether points may be missing, unless the area of the head line agrees with those that are there.
    """

    row: int
    line: int
    fields: list[str]
    points: list[_Point] = field(default_factory=list)
    fault: Fault | None = None
    warnings: list[str] = field(default_factory=list)
    last: bool = False
    ended: bool = True
    doubtful: bool = False

    @property
    def id(self) -> str:
        """The number of the parcel."""
        return self.fields[2] if len(self.fields) > 2 else ""


def _refuse(
    name: str, code: str, zh: str, en: str, next_zh: str = "", next_en: str = "", value: str | None = None
) -> InputError:
    return InputError(Fault(code, zh, en, next_zh, next_en, where=name, value=value))


def read(
    data: bytes, name: str, stem: str, jurisdiction: Jurisdiction, encoding: str | None, crs: str | None
) -> RawTable:
    """Read the parcels of a TXT.

    Parameters
    ----------
    stem : str
        Name of the file without suffix, for ids that are not unique.
    crs : str, optional
        The CRS given by the user, instead of the header's.

    Raises
    ------
    InputError
        When the whole file is refused: another datum, another unit, no parcel, a zone that contradicts the eastings;
        ``RejectedRows`` where no parcel can be read.
    """
    rules = jurisdiction.boundary_txt
    if rules is None:
        raise _refuse(
            name,
            "unsupported_format",
            "本地规则不支持界址点TXT",
            "boundary-point TXT is not described in this rulebook",
        )
    text, codec, how = decode(data, name, encoding)
    header, blocks = _split(text, name)
    _judge_header(header, rules, jurisdiction, name, asked=crs is not None)
    table = RawTable(
        "TXT",
        "",
        None,
        "header",
        "GBK" if codec == "gb18030" else codec,
        how,
        [],
        np.empty(0, dtype=object),
        {},
        len(blocks),
    )
    for block in blocks:
        _check_degrees(block, jurisdiction)
    if crs is None and all(block.fault is not None for block in blocks):
        # Without a point there is no telling the CRS either; what is wrong with the parcels comes first.
        faults = (_fault(block) for block in blocks)
        raise RejectedRows(*(replace(fault, where=name) for fault in faults if fault is not None), read=len(blocks))
    swapped = _swapped([block for block in blocks if block.fault is None], jurisdiction, name)
    zone = _Zone.find(header, [block for block in blocks if block.fault is None], swapped, rules, jurisdiction, name)
    table.declared_crs, table.crs_how = zone.crs, zone.how
    if header.get("数据产生日期"):
        table.notes.append(f"数据产生日期 {header['数据产生日期']} / date of the data {header['数据产生日期']}")
    _unique_ids(blocks, stem, table)
    shapes: list[BaseGeometry] = []
    columns: dict[str, list[object]] = {key: [] for key in ("地块编号", "地块名称", "地块用途", "地类编码", "图幅号")}
    for block in blocks:
        area = None
        if block.fault is None:
            shape = _shape(block, table, swapped)
        if block.fault is None:
            area = _declared_area(block)
        if block.fault is None:
            _confirm(block, shape, area)
        fault = _fault(block)
        if fault is not None:
            table.faults.append(fault)
            continue
        if swapped:
            table.repairs.append(
                Repair(
                    "xy_swapped",
                    "X、Y颠倒，已按量级对调",
                    "X and Y were swapped; put right by magnitude",
                    block.row,
                    block.id,
                )
            )
        if zone.repair is not None:
            table.repairs.append(replace(zone.repair, row=block.row, id=block.id))
        table.warnings.extend(block.warnings)
        if area is not None:
            table.areas_declared_m2[block.row] = area
        table.rows.append(block.row)
        shapes.append(shape)
        blank = [None if text in _PLACEHOLDERS or not text else text for text in block.fields]
        given = dict(zip(columns, (block.id, blank[3], blank[6], blank[7], blank[5]), strict=True))
        for key, value in given.items():
            columns[key].append(value)
    table.geometries = np.empty(len(shapes), dtype=object)
    table.geometries[:] = shapes
    table.columns = columns
    return table


def _split(text: str, name: str) -> tuple[dict[str, str], list[_Block]]:
    """Cut the text into the header's keys and the parcels' lines."""
    header: dict[str, str] = {}
    blocks: list[_Block] = []
    body = False
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line:
            continue
        if line in (HEADER, BODY):
            body = line == BODY
        elif not body:
            key, equals, value = line.partition("=")
            if equals:
                header[key.strip()] = value.strip()
        else:
            _body_line(line, number, blocks, name)
    if not body and not blocks:
        raise _refuse(name, "no_features", f"缺少 {BODY} 段", f"the section {BODY} is missing")
    if not blocks:
        raise _refuse(name, "no_features", "没有地块", "the file holds no parcel")
    blocks[-1].last, blocks[-1].ended = True, text[-1].isspace()
    return header, blocks


def _body_line(line: str, number: int, blocks: list[_Block], name: str) -> None:
    if "，" in line:
        if not blocks or line.count(",") + line.count("，") >= _HEAD_FIELDS - 2:
            blocks.append(_Block(len(blocks) + 1, number, line.replace("，", ",").split(",")))
        _blame(
            blocks[-1], "fullwidth_comma", f"字段含全角逗号（第{number}行）", f"full-width comma (line {number})", line
        )
        return
    fields = [part.strip() for part in line.split(",")]
    if len(fields) >= _HEAD_FIELDS - 1:
        block = _Block(len(blocks) + 1, number, fields)
        blocks.append(block)
        if len(fields) > _HEAD_FIELDS:
            _blame(
                block,
                "field_count",
                f"地块行应为{_HEAD_FIELDS}项，实际{len(fields)}项（第{number}行）",
                f"a parcel line has {_HEAD_FIELDS} fields, found {len(fields)} (line {number})",
                line,
            )
        elif len(fields) < _HEAD_FIELDS or fields[-1] != "@":
            block.warnings.append(f"第{number}行缺少行尾@ / line {number} lacks its closing @")
            fields.extend([""] * (_HEAD_FIELDS - len(fields)))
        return
    if not blocks:
        raise _refuse(
            name,
            "field_count",
            f"首个地块行格式错误（第{number}行）",
            f"the first parcel line is malformed (line {number})",
            value=line,
        )
    block = blocks[-1]
    if len(fields) != _POINT_FIELDS:
        _blame(
            block,
            "field_count",
            f"界址点行应为{_POINT_FIELDS}项，实际{len(fields)}项（第{number}行）",
            f"a point line has {_POINT_FIELDS} fields, found {len(fields)} (line {number})",
            line,
        )
        return
    point, ring, x, y = fields
    if not (_NUMBER.fullmatch(x) and _NUMBER.fullmatch(y)):
        _blame(
            block, "bad_number", f"坐标不是数值（第{number}行）", f"a coordinate is not a number (line {number})", line
        )
        return
    for axis, text in (("X", x), ("Y", y)):
        if abs(float(text)) > _MAX_COORDINATE_M:
            _blame_number(block, f"{axis}坐标过大", f"the coordinate {axis} is too large", number, text)
            return
    block.points.append(_Point(point, ring, float(x), float(y), number))


def _blame(block: _Block, code: str, zh: str, en: str, value: str) -> None:
    """Keep the first thing that is wrong with a parcel."""
    if block.fault is None:
        block.fault = Fault(code, zh, en, "请更正后重新提交", "correct it and try again", value=value)


def _blame_number(block: _Block, zh: str, en: str, line: int, value: str) -> None:
    _blame(block, "bad_number", f"{zh}（第{line}行）", f"{en} (line {line})", value[:40])


def _fault(block: _Block) -> Fault | None:
    return None if block.fault is None else replace(block.fault, row=block.row, id=block.id[:64] or None)


def _judge_header(
    header: dict[str, str], rules: BoundaryTxt, jurisdiction: Jurisdiction, name: str, *, asked: bool
) -> None:
    for value in header.values():
        refuse_offset(value, jurisdiction, name)
    datum = header.get("坐标系", "")
    if datum in rules.refused_datums or (datum and datum not in rules.datums):
        raise _refuse(
            name,
            "datum_refused",
            f"坐标系“{datum}”不可用，应为 {'、'.join(rules.datums)}",
            f"the datum {datum!r} is not admitted; expected {', '.join(rules.datums)}",
            "旧坐标系须由测绘单位用本地参数转换",
            "old datums must be converted by the surveyor with local parameters",
        )
    if not datum and not asked:
        raise _refuse(
            name,
            "crs_missing",
            "文件未声明坐标系，请用 --crs 指定",
            "the header names no datum",
            "补上“坐标系=”一行，或用 --crs 指定",
            "add the line, or name the CRS with --crs",
        )
    unit = header.get("计量单位", "")
    if unit and unit != rules.write_unit:
        raise _refuse(
            name, "unit_refused", f"计量单位应为{rules.write_unit}", f"the unit must be {rules.write_unit}", value=unit
        )
    projection = header.get("投影类型", "")
    if projection and projection[:2] != rules.write_projection[:2]:
        raise _refuse(
            name,
            "projection_refused",
            f"投影类型应为{rules.write_projection}",
            f"the projection must be {rules.write_projection}",
            value=projection,
        )


def _check_degrees(block: _Block, jurisdiction: Jurisdiction) -> None:
    kind = block.fields[4] if len(block.fields) > 4 else ""
    if block.fault is None and kind not in ("", "面"):
        _blame(block, "wrong_geometry_kind", "记录图形属性应为“面”", "only polygons (面) are read", kind)
    if block.fault is None and not block.points:
        _blame(block, "geometry_missing", "没有界址点", "there is no boundary point", block.id)
    if block.fault is None and all(max(abs(point.x), abs(point.y)) <= _MAX_DEGREES for point in block.points):
        listed = ", ".join(jurisdiction.geographic_crs)
        _blame(
            block,
            "degrees_as_metres",
            f"坐标为经纬度（{listed}），声明却是米（第{block.points[0].line}行）",
            f"the coordinates are degrees ({listed}), the header says metres (line {block.points[0].line})",
            f"{block.points[0].x}, {block.points[0].y}",
        )


def _northing(value: float, jurisdiction: Jurisdiction) -> bool:
    _, south, _, north = jurisdiction.box_degrees
    return south * _METRES_A_DEGREE[0] <= value <= north * _METRES_A_DEGREE[1]


def _easting(value: float, rules: BoundaryTxt) -> bool:
    zone, rest = divmod(value, ZONE_WIDTH_M)
    known = zone == 0 or any(series.first <= zone <= series.last for series in rules.series.values())
    return known and _MIN_EASTING_M <= rest <= ZONE_WIDTH_M - _MIN_EASTING_M


def _swapped(blocks: Sequence[_Block], jurisdiction: Jurisdiction, name: str) -> bool:
    """Tell by magnitude whether X holds the eastings; a file that does both contradicts itself."""
    rules = jurisdiction.boundary_txt
    assert rules is not None
    right, wrong = 0, 0
    line = 0
    for point in (point for block in blocks for point in block.points):
        as_written = _northing(point.x, jurisdiction) and _easting(point.y, rules)
        turned = _northing(point.y, jurisdiction) and _easting(point.x, rules)
        right += as_written and not turned
        wrong += turned and not as_written
        if turned and not as_written:
            line = line or point.line
    if right and wrong:
        raise _refuse(
            name,
            "axes_swapped",
            f"部分界址点X、Y颠倒（第{line}行起）",
            f"X and Y are swapped in some of the points (from line {line})",
            "请更正后重新提交",
            "correct the file and try again",
        )
    return wrong > 0


@dataclass(frozen=True)
class _Zone:
    """The CRS of a TXT and how it is known."""

    crs: str | None
    how: str
    repair: Repair | None = None

    @classmethod
    def find(
        cls,
        header: dict[str, str],
        blocks: Sequence[_Block],
        swapped: bool,
        rules: BoundaryTxt,
        jurisdiction: Jurisdiction,
        name: str,
    ) -> _Zone:
        """Decide the CRS from the header's zone and band and the prefix of the eastings."""
        points = [point for block in blocks for point in block.points]
        carried = [int((point.x if swapped else point.y) // ZONE_WIDTH_M) for point in points]
        prefixes = Counter(carried)
        if not prefixes:
            return cls(None, "header")
        if len(prefixes) > 1:
            listed = sorted(prefixes)
            ((usual, _),) = prefixes.most_common(1)
            other = next(point.line for point, prefix in zip(points, carried, strict=True) if prefix != usual)
            raise _refuse(
                name,
                "wrong_zone",
                f"界址点带号不一致：{'、'.join(map(str, listed))}（第{other}行）",
                f"the eastings carry several zones: {', '.join(map(str, listed))} (line {other})",
                "请核对坐标",
                "check the coordinates",
            )
        stated = _digits(header, "带号", name)
        band = _digits(header, "几度分带", name)
        (prefix,) = prefixes
        if prefix and stated is not None and stated != prefix:
            raise _refuse(
                name,
                "wrong_zone",
                f"带号{prefix}与表头{stated}带不符",
                f"the eastings carry zone {prefix}, the header says {stated}",
                "请核对带号和坐标",
                "check the zone and the coordinates",
            )
        zone = prefix or stated
        if zone is None:
            return cls(None, "header")
        series = _series(str(band) if band is not None else None, zone, rules, name)
        crs = f"EPSG:{series.epsg + zone - series.first}"
        if not prefix:
            return cls(_without_prefix(crs, zone, jurisdiction, name), "header")
        if stated is None:
            repair = Repair(
                "zone_derived",
                f"表头缺带号，已由Y坐标得出{zone}带",
                f"the header lacks the zone; {zone} taken from the eastings",
            )
            return cls(crs, "prefix", repair)
        return cls(crs, "header")


def _digits(header: dict[str, str], key: str, name: str) -> int | None:
    """Return the number in a value of the header."""
    value = header.get(key, "")
    if _LETTER_IN_NUMBER.search(value):
        raise _refuse(
            name,
            "bad_number",
            f"表头“{key}”的数值含字母",
            f"the number of {key} in the header holds a letter",
            "请更正后重新提交",
            "correct it and try again",
            value=value[:40],
        )
    found = re.search(r"\d+", value)
    if found and len(found[0]) > _MAX_DIGITS:
        raise _refuse(
            name,
            "bad_number",
            f"表头“{key}”的数值过长（{len(found[0])}位）",
            f"the number of {key} in the header is too long ({len(found[0])} digits)",
            "请更正后重新提交",
            "correct it and try again",
            value=found[0][:40],
        )
    return int(found[0]) if found else None


def _series(band: str | None, zone: int, rules: BoundaryTxt, name: str) -> ZoneSeries:
    fitting = {key: series for key, series in rules.series.items() if series.first <= zone <= series.last}
    if band is not None and band in fitting:
        return fitting[band]
    if band is None and fitting:
        return fitting.get(rules.default_band) or next(iter(fitting.values()))
    raise _refuse(
        name,
        "wrong_zone",
        f"带号{zone}与{band or rules.default_band}度分带不符",
        f"zone {zone} does not exist in {band or rules.default_band}-degree bands",
        "请核对带号和分带",
        "check the zone and the width of the bands",
    )


def _without_prefix(crs: str, zone: int, jurisdiction: Jurisdiction, name: str) -> str:
    """Return the admitted CRS that differs from a zone's only in that its eastings carry no zone number."""
    for code in codes((*jurisdiction.working_crs, *jurisdiction.projected_crs)):
        if shift(crs, code) == (-float(zone) * ZONE_WIDTH_M, 0.0):
            return code
    raise _refuse(
        name,
        "crs_not_admitted",
        f"{zone}带没有不带带号的坐标系可用",
        f"no admitted CRS of zone {zone} leaves out the zone's number",
        "请用 --crs 指定",
        "name the CRS with --crs",
    )


def _unique_ids(blocks: Sequence[_Block], stem: str, table: RawTable) -> None:
    """Give parcels whose number is empty or not unique the name of the file with their place in it."""
    listed = [block.id for block in blocks]
    for block in blocks:
        if not block.id or listed.count(block.id) > 1:
            new = f"{stem}-{block.row}"
            table.notes.append(
                f"地块编号“{block.id}”为空或不唯一，改用 {new} / number {block.id!r} is empty or not unique; {new} used"
            )
            block.fields[2:3] = [new]


def _rings(block: _Block) -> list[list[_Point]]:
    """Cut the points into rings: at a new ring number, and where a ring has come back to its first point."""
    rings: list[list[_Point]] = []
    for point in block.points:
        current = rings[-1] if rings else None
        if current is None or current[-1].ring != point.ring or (len(current) > 3 and _meets(current[0], current[-1])):
            rings.append([point])
        else:
            current.append(point)
    return rings


def _meets(one: _Point, other: _Point) -> bool:
    return abs(one.x - other.x) <= CLOSING_M and abs(one.y - other.y) <= CLOSING_M


def _shape(block: _Block, table: RawTable, swapped: bool) -> BaseGeometry | None:
    """Build the polygon of a parcel; its role as hole or outer ring is decided by containment."""
    polygons: list[BaseGeometry] = []
    names: list[tuple[str, ...]] = []
    left_open = 0
    for ring in _rings(block):
        points = list(ring)
        is_open = len(points) < 2 or not _meets(points[0], points[-1])
        if not is_open:
            if points[0].name != points[-1].name:
                block.warnings.append(
                    f"闭合点点号为{points[-1].name}，应与首点{points[0].name}相同（第{points[-1].line}行） / "
                    f"the closing point is named {points[-1].name}, expected {points[0].name} (line {points[-1].line})"
                )
            points[-1] = points[0]
        else:
            left_open += 1
            table.repairs.append(
                Repair(
                    "ring_closed",
                    f"圈号{points[0].ring}未闭合，已闭合到{points[0].name}（第{points[-1].line}行）",
                    f"ring {points[0].ring} was open and has been closed to {points[0].name} (line {points[-1].line})",
                    block.row,
                    block.id,
                )
            )
            points.append(points[0])
        if len(points) < 4:
            _blame(
                block,
                "ring_too_short",
                f"圈号{points[0].ring}不足三点（第{points[0].line}行）",
                f"ring {points[0].ring} has fewer than three points (line {points[0].line})",
                points[0].name,
            )
            return None
        polygons.append(shapely.Polygon([(p.x, p.y) if swapped else (p.y, p.x) for p in points]))
        names.append(tuple(point.name for point in points))
    _count(block, left_open)
    block.doubtful |= is_open and not block.ended
    if block.fault is not None:
        return None
    shape, order = _nested(polygons)
    table.point_names[block.row] = tuple(name for ring in order for name in names[ring])
    return shape


def _nested(polygons: list[BaseGeometry]) -> tuple[BaseGeometry, list[int]]:
    """Put rings together by which lies in which; also return the order in which they stand in the result."""
    if len(polygons) == 1:
        return polygons[0], [0]
    shapes = np.asarray(polygons, dtype=object)
    size = shapely.area(shapes)
    inside = shapely.points([_inner_point(shape) for shape in polygons])
    holders = [
        [
            other
            for other in range(len(polygons))
            if size[other] > size[ring] and polygons[other].intersects(inside[ring])
        ]
        for ring in range(len(polygons))
    ]
    outers = [ring for ring in range(len(polygons)) if len(holders[ring]) % 2 == 0]
    parts: list[BaseGeometry] = []
    order: list[int] = []
    for outer in outers:
        holes = [
            ring
            for ring in range(len(polygons))
            if len(holders[ring]) == len(holders[outer]) + 1 and outer in holders[ring]
        ]
        parts.append(shapely.Polygon(polygons[outer].exterior, [polygons[hole].exterior for hole in holes]))
        order.extend([outer, *holes])
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts), order


def _inner_point(polygon: BaseGeometry) -> tuple[float, float]:
    point = shapely.point_on_surface(polygon)
    return (point.x, point.y)


def _count(block: _Block, left_open: int) -> None:
    """Compare the number of points with that of the head line, which may count closing points that are left out."""
    stated = block.fields[0]
    usable = stated.isdecimal() and len(stated) <= _MAX_DIGITS
    if _LETTER_IN_NUMBER.search(stated) or (stated.isdigit() and not usable):
        words = "the number of points is no number that can be used"
        _blame_number(block, "界址点数不是可用的数值", words, block.line, stated)
    elif not stated.isdecimal():
        block.warnings.append(f"第{block.line}行界址点数缺失 / the number of points is missing (line {block.line})")
    elif int(stated) != len(block.points):
        block.warnings.append(
            f"界址点数与表头不符（表头{stated}，实际{len(block.points)}） / "
            f"the head line says {stated} points, found {len(block.points)}"
        )
        block.doubtful = block.last and int(stated) > len(block.points) + left_open


def _confirm(block: _Block, shape: BaseGeometry, area: float | None) -> None:
    """Refuse a parcel of which points may be missing, unless its area is that of the head line."""
    if not block.doubtful or (area is not None and abs(shape.area - area) <= AREA_ROUNDING_M2):
        return
    stated, found, last = block.fields[0], len(block.points), block.points[-1]
    _blame(
        block,
        "truncated",
        f"界址点不完整（表头{stated}，实际{found}，止于第{last.line}行），没有相符的面积可以证实",
        f"points seem to be missing: the head line says {stated}, found {found} up to line {last.line}, and no area "
        "agrees with them",
        last.name,
    )


def _declared_area(block: _Block) -> float | None:
    """Return the area of the head line in m²; it is written in hectares."""
    text = _HECTARES.sub("", block.fields[1])
    if _LETTER_IN_NUMBER.search(text):
        _blame_number(block, "面积不是数值", "the area is not a number", block.line, text)
        return None
    if not _NUMBER.fullmatch(text):
        block.warnings.append(f"第{block.line}行缺少面积 / the area is missing (line {block.line})")
        return None
    if abs(float(text)) > _MAX_AREA_HA:
        _blame_number(block, "面积过大", "the area is too large", block.line, text)
        return None
    return float(text) * M2_PER_HA
