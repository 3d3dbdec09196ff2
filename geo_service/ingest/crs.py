"""Which CRS a file is in: named by the user, or declared by the file, and always one of the jurisdiction's."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from pyproj import CRS
from pyproj.exceptions import CRSError

from geo_service.errors import Fault, InputError
from geo_service.model.rulebook import Jurisdiction
from geo_service.projection import LON_LAT, codes, crs_of

_PARAMETERS = (
    "Latitude of natural origin",
    "Longitude of natural origin",
    "Scale factor at natural origin",
    "False easting",
    "False northing",
)
_ELLIPSOID_TOLERANCE = 1e-6


def _plain(name: str) -> str:
    return re.sub(r"[^0-9a-z\u4e00-\u9fff]", "", name.lower())


@lru_cache(maxsize=32)
def _admitted(entries: tuple[str, ...]) -> tuple[str, ...]:
    return codes(entries)


def admitted(jurisdiction: Jurisdiction) -> tuple[str, ...]:
    """Codes of every CRS that may be delivered; longitude/latitude of RFC 7946 goes with any geographic one."""
    found = _admitted((*jurisdiction.geographic_crs, *jurisdiction.working_crs, *jurisdiction.projected_crs))
    geographic = jurisdiction.geographic_crs and LON_LAT not in found
    return (*dict.fromkeys(found), LON_LAT) if geographic else tuple(dict.fromkeys(found))


def offset_datum(text: str, jurisdiction: Jurisdiction) -> str | None:
    """Return the offset datum that a text names, if it names one."""
    low = text.lower()
    return next((name for name in jurisdiction.offset_datums if _as_word(name).search(low)), None)


@cache
def _as_word(name: str) -> re.Pattern[str]:
    # A whole word with or without its separators: parcel ABD0901 says nothing of Baidu.
    pattern = r"[\W_]*".join(re.escape(letter) for letter in _plain(name))
    return re.compile(rf"(?<![0-9a-z]){pattern}(?![0-9a-z])")


def refuse_offset(text: str, jurisdiction: Jurisdiction, name: str) -> None:
    """Refuse a file that says of itself that its coordinates are shifted."""
    found = offset_datum(text, jurisdiction)
    if found is not None:
        raise InputError(
            Fault(
                "offset_datum",
                f"{found}偏移坐标，不得用于量算",
                f"{found} coordinates are shifted by hundreds of metres and cannot be measured",
                "请向测绘单位索取原始坐标",
                "ask the surveyor for the true coordinates",
                where=name,
                value=text[:200],
            )
        )


def _numbers(system: CRS) -> tuple[float, ...] | None:
    operation = system.coordinate_operation
    if operation is None:
        return None
    values = {parameter.name: float(parameter.value) for parameter in operation.params if parameter.unit_name}
    if any(name not in values for name in _PARAMETERS):
        return None
    return tuple(round(values[name], 9) for name in _PARAMETERS)


def _same_ellipsoid(one: CRS, other: CRS) -> bool:
    first, second = one.ellipsoid, other.ellipsoid
    return (
        first is not None
        and second is not None
        and abs(first.semi_major_metre - second.semi_major_metre) < _ELLIPSOID_TOLERANCE
        and abs(first.inverse_flattening - second.inverse_flattening) < _ELLIPSOID_TOLERANCE
    )


def _same_datum(one: CRS, known: CRS) -> bool:
    """Tell whether two datums are one, by name: some programs write ``unknown``, or the name of the CRS."""
    names = {_plain(item.name) for item in (one.datum, one.geodetic_crs) if item is not None}
    short = _plain(known.name.split("/")[0])
    ours = {_plain(item.name) for item in (known.datum, known.geodetic_crs) if item is not None} | {short}
    return any("unknown" in name or any(own in name for own in ours) for name in names)


def _shifted(system: CRS) -> bool:
    """Tell whether a CRS brings a datum shift of its own; zeros, which some programs always write, are none."""
    operation = system.coordinate_operation if system.is_bound else None
    return operation is not None and (not operation.towgs84 or any(operation.towgs84))


def identify(system: CRS, jurisdiction: Jurisdiction) -> str | None:
    """Return the admitted code of a CRS that came without one, by its numbers, else ``None``."""
    allowed = admitted(jurisdiction)
    flat = system.sub_crs_list[0] if system.is_compound else system
    if _shifted(flat) or not (flat.is_projected or flat.is_geographic):
        return None
    for authority in (flat.to_authority(min_confidence=70), flat.to_authority(auth_name="EPSG", min_confidence=70)):
        if authority is not None and ":".join(authority) in allowed:
            return ":".join(authority)
    numbers = _numbers(flat) if flat.is_projected else None
    for code in allowed:
        known = crs_of(code)
        if known.is_projected != flat.is_projected or not _same_ellipsoid(flat, known) or not _same_datum(flat, known):
            continue
        if not flat.is_projected or (
            numbers is not None
            and numbers == _numbers(known)
            and all(axis.unit_conversion_factor == 1.0 for axis in flat.axis_info)
        ):
            return code
    return None


def _missing(name: str) -> InputError:
    return InputError(
        Fault(
            "crs_missing",
            "文件未声明坐标系，请用 --crs 指定",
            "the file names no CRS",
            "例如 --crs 加坐标系代码；不清楚时请询问测绘单位",
            "name it with --crs; ask the surveyor when in doubt",
            where=name,
        )
    )


def _unknown(name: str, text: str, jurisdiction: Jurisdiction) -> InputError:
    listed = ", ".join((*jurisdiction.geographic_crs, *jurisdiction.projected_crs))
    return InputError(
        Fault(
            "crs_not_admitted",
            f"坐标系不在可接受范围内（可用：{listed}）",
            f"the CRS is not an admitted one ({listed})",
            "请转换为可接受的坐标系后再导入，或用 --crs 更正声明",
            "convert the data to one of these, or correct the declaration with --crs",
            where=name,
            value=text[:200],
        )
    )


def named(text: str, jurisdiction: Jurisdiction, name: str) -> str:
    """Return the admitted code that a text means: a code, a URN, a name or WKT.

    Raises
    ------
    InputError
        ``offset_datum`` or ``crs_not_admitted``.
    """
    refuse_offset(text, jurisdiction, name)
    wanted = text.strip()
    if wanted.isdigit():
        wanted = f"EPSG:{wanted}"
    if wanted.upper() in admitted(jurisdiction):
        return wanted.upper()
    try:
        system = CRS.from_user_input(wanted)
    except CRSError as error:
        raise _unknown(name, text, jurisdiction) from error
    found = identify(system, jurisdiction)
    if found is None:
        raise _unknown(name, system.name if len(text) > 60 else text, jurisdiction)
    return found


def resolve(
    asked: str | None, declared: str | None, how: str, jurisdiction: Jurisdiction, name: str
) -> tuple[str, str, str | None]:
    """Decide the CRS of a file: what the user says counts before what the file says.

    Returns
    -------
    code, how, note
        ``note`` tells of a declaration that was overruled.

    Raises
    ------
    InputError
        ``crs_missing``, ``crs_not_admitted`` or ``offset_datum``.
    """
    refuse_offset(name, jurisdiction, name)
    if asked is None:
        if not declared:
            raise _missing(name)
        return named(declared, jurisdiction, name), how, None
    code = named(asked, jurisdiction, name)
    if not declared or how == "default":
        return code, "option", None
    refuse_offset(declared, jurisdiction, name)
    try:
        stated = named(declared, jurisdiction, name)
    except InputError:
        stated = declared[:80]
    if stated == code:
        return code, "option", None
    return (
        code,
        "option",
        f"文件声明的坐标系 {stated} 已按 --crs {code} 更正 / the file declares {stated}; --crs {code} was taken",
    )
