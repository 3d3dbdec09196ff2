"""Query parameters that several routes take, and the refusal of those that none takes."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, tzinfo
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import shapely
from fastapi import Depends, Path, Query, Request
from fastapi.dependencies.models import Dependant
from pydantic import BeforeValidator, WithJsonSchema
from pyproj.exceptions import ProjError
from shapely.geometry.base import BaseGeometry

from geo_service.api.access import caller_of
from geo_service.api.errors import BilingualValueError, Problem, bad_parameter
from geo_service.api.reference import LONGITUDE_FIRST, Reference
from geo_service.export.profile import Profile
from geo_service.maps.sheet import Language
from geo_service.model.text import Text
from geo_service.service import Service

MAX_LIMIT = 1000
DEFAULT_LIMIT = 100
MAX_PACKAGES = 200
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?", re.ASCII)
Box = tuple[float, float, float, float]
BOX_IS = Text("西,南,东,北 四个经纬度数值", "west,south,east,north in degrees")
FARTHEST = 1e6
BOX_IN_IS = Text(
    "先下角后上角的四个数值，轴序依 bbox-crs", "the lower corner and the upper one, axes in the order of bbox-crs"
)


# Awaited where a request is answered: what only looks something up is not worth a thread.
async def _service(request: Request) -> Service:
    """Return the service as far as it is there for whoever asks."""
    found: Service = request.app.state.service
    return found.within(caller_of(request).zones)


#: The composition all routes stand on; what belongs to other zones than the caller's is not in it.
Services = Annotated[Service, Depends(_service)]
Row = Annotated[int, Path(description="行，自北向南 / row, from the north")]
Col = Annotated[int, Path(description="列，自西向东 / column, from the west")]


def day(value: Any) -> Any:
    """Read a civil date; only the long form, because a number would pass as seconds since 1970."""
    if not isinstance(value, str):
        return value
    try:
        if _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise BilingualValueError(Text("应为 YYYY-MM-DD 形式的日期", "must be a date of the form YYYY-MM-DD"))


def civil(text: str, clock: tzinfo) -> date:
    """Read a date, or an instant as the date that it is by a clock; one that names no offset is by that clock already.

    Raises
    ------
    ValueError
        When it is neither.

    Examples
    --------
    >>> civil("2026-11-30T17:00:00Z", ZoneInfo("Asia/Shanghai")), civil("2026-12-01", ZoneInfo("Asia/Shanghai"))
    (datetime.date(2026, 12, 1), datetime.date(2026, 12, 1))
    """
    if not _MOMENT.fullmatch(text.upper()):
        found: date = day(text)
        return found
    moment = datetime.fromisoformat(text.upper())
    try:
        return (moment if moment.tzinfo is None else moment.astimezone(clock)).date()
    except OverflowError as error:
        raise ValueError(text) from error


def clock_of(service: Service) -> tzinfo:
    """Return the clock of where the rules hold."""
    return ZoneInfo(service.rulebook.jurisdiction.timezone)


def box(text: str, reference: Reference = LONGITUDE_FIRST) -> Box:
    """Read west, south, east, north in degrees, or the corners of a box in another CRS, in the order of its axes.

    Heights that stand beside them are left out.

    Raises
    ------
    Problem
        400, when it is no box.

    Examples
    --------
    >>> box("113,36,114,37"), box("113,36,0,114,37,100")
    ((113.0, 36.0, 114.0, 37.0), (113.0, 36.0, 114.0, 37.0))
    >>> box("36,113,37,114", Reference("EPSG:4490"))
    (113.0, 36.0, 114.0, 37.0)
    """
    try:
        return reference.lon_lat_box(corners([float(part) for part in text.split(",")], reference.is_north_first))
    except (ValueError, ProjError):
        wanted = BOX_IS if reference is LONGITUDE_FIRST else BOX_IN_IS
        raise bad_parameter("bbox", Text(f"应为 {wanted.zh}", f"must be {wanted.en}"), text) from None


def corners(numbers: Sequence[float], north_first: bool = False) -> Box:
    """Return west, south, east and north; heights that stand beside them are left out.

    Raises
    ------
    ValueError
        When it is no box: west may be east of east, but south not north of north.
    """
    if len(numbers) == 6:
        numbers = [*numbers[0:2], *numbers[3:5]]
    if len(numbers) != 4 or not all(math.isfinite(number) for number in numbers):
        raise ValueError(numbers)
    west, south, east, north = numbers if not north_first else (numbers[1], numbers[0], numbers[3], numbers[2])
    if south > north:
        raise ValueError(numbers)
    return west, south, east, north


def spanned(box: Box) -> BaseGeometry:
    """Return what a box covers: two parts when its west is east of its east, a line or a point when it has no width.

    Examples
    --------
    >>> spanned((170.0, -10.0, -170.0, 10.0)).area, spanned((1.0, 2.0, 1.0, 2.0)).wkt
    (400.0, 'POINT (1 2)')
    """
    # Nothing lies beyond, and numbers that are multiplied must not overflow.
    west, south, east, north = (min(max(number, -FARTHEST), FARTHEST) for number in box)
    parts = (
        [(west, south, east, north)] if west <= east else [(west, south, 180.0, north), (-180.0, south, east, north)]
    )
    found: BaseGeometry = shapely.union_all([shapely.convex_hull(shapely.box(*part)) for part in parts])
    return found


BboxText = Annotated[
    str | None,
    WithJsonSchema({"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6}),
    Query(
        alias="bbox",
        description="范围：西,南,东,北（经纬度，CRS84）/ only what meets west,south,east,north (degrees, CRS84)",
    ),
]


async def _bbox(bbox: BboxText = None) -> Box | None:
    return None if bbox is None else box(bbox)


Day = Annotated[date, BeforeValidator(day), WithJsonSchema({"type": "string", "format": "date"})]

AsOfDay = Annotated[
    Day | None,
    Query(
        description="核查基准日，默认各地块的拟公告日 / the date asked about; else each parcel's planned notice date"
    ),
]
ProjectType = Annotated[
    str | None,
    Query(max_length=200, description="项目类型，替代登记的类型 / project type, instead of the registered one"),
]
Bbox = Annotated[Box | None, Depends(_bbox)]
Limit = Annotated[
    int,
    Query(
        ge=1,
        description=f"每页条数，超过 {MAX_LIMIT} 按 {MAX_LIMIT} 计 / items a page, at most {MAX_LIMIT}",
    ),
]
Offset = Annotated[
    int, Query(ge=0, le=2**53, description="从第几条起（next 链接自带）/ how many to leave out; the next link has it")
]
ProfileOf = Annotated[
    Profile,
    Query(description="public 公开资料，internal 内部卷 / public: for bidders; internal: with pieces and evidence"),
]
Force = Annotated[
    bool,
    Query(description="不具备条件或资料不足时仍导出并注明 / export although not ready or undetermined, and say so"),
]
LanguageOf = Annotated[Language, Query(alias="lang", description="语言 zh 或 en / language")]
ParcelId = Annotated[str, Path(description="地块编号，按百分号编码 / the parcel's id, percent-encoded")]
CollectionId = Annotated[str, Path(description="数据集名称，见 /collections / name of a collection, see /collections")]


class Verdict(StrEnum):
    """A verdict as it is asked for."""

    READY = "ready"
    CONDITIONAL = "conditional"
    NOT_READY = "not_ready"
    UNDETERMINED = "undetermined"


def listed(values: str | None) -> list[str]:
    """Split a list with commas, each entry once.

    Examples
    --------
    >>> listed("a, b,a,")
    ['a', 'b']
    """
    return list(dict.fromkeys(part.strip() for part in (values or "").split(",") if part.strip()))


def _names(dependant: Dependant) -> Iterable[str]:
    for field in dependant.query_params:
        yield field.alias
    for below in dependant.dependencies:
        yield from _names(below)


def refuse_unknown(request: Request, known: Collection[str]) -> None:
    """Refuse a query parameter that is not known or stands twice: an answer that ignored it would look right.

    Raises
    ------
    Problem
        400, naming the ones there are.
    """
    given = [key for key, _ in request.query_params.multi_items()]
    for key in given:
        if key not in known:
            there = "、".join(sorted(known)) or "—"
            raise Problem(
                400,
                "unknown-parameter",
                Text(
                    f"没有参数 {key[:64]}；可用：{there}",
                    f"no such parameter: {key[:64]}; there are: {', '.join(sorted(known)) or '—'}",
                ),
                step=Text("请核对拼写", "look at the spelling"),
                value=key,
            )
        if given.count(key) > 1:
            raise Problem(
                400,
                "repeated-parameter",
                Text(f"参数 {key[:64]} 重复出现", f"the parameter {key[:64]} stands more than once"),
                step=Text("每个参数只写一次", "write each parameter once"),
                value=key,
            )


def declared(request: Request) -> list[str]:
    """Query parameters that the matched route declares."""
    return list(_names(request.scope["route"].dependant))


async def only_known(request: Request) -> None:
    """Let a route be asked only with its own parameters."""
    if request.scope["query_string"]:
        refuse_unknown(request, declared(request))


OnlyKnown = Depends(only_known)
