"""The settings file of basemaps, checked whole before anything is drawn on one."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from geo_service.errors import Fault, InputError
from geo_service.model.rulebook import Jurisdiction
from geo_service.model.text import Text

FILE = "basemaps.toml"
_PLACES = {"{z}", "{x}", "{y}"}
_KNOWN = Path(__file__).parent / "known.toml"


class Kind(StrEnum):
    """Where the pictures come from."""

    WMTS = "wmts"
    XYZ = "xyz"
    MBTILES = "mbtiles"
    PMTILES = "pmtiles"
    COG = "cog"


REMOTE = (Kind.WMTS, Kind.XYZ)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Known(_Frozen):
    """What is known of public services."""

    datums: tuple[str, ...]
    offset_hosts: tuple[str, ...]
    refused: Text


class Basemap(_Frozen):
    """One basemap as it is registered.

    Attributes
    ----------
    datum : str
        On which datum its pictures are drawn; there is no default.
    approval_no : str
        Number under which the authorities approved the map; shown with it.
    url : str
        Of ``wmts`` and ``xyz``: with ``{z}``, ``{x}``, ``{y}``, and ``{key}`` where a key belongs.
    key_env : str
        Name of the environment variable that holds the key.
    file : str
        Of the others: a path, in the workspace unless it is absolute.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    title: Text
    kind: Kind
    datum: Annotated[str, Field(min_length=1)]
    attribution: Text
    approval_no: str
    url: str | None = None
    key_env: str | None = None
    file: str | None = None
    least_zoom: Annotated[int, Field(ge=0, le=22)] = 0
    most_zoom: Annotated[int, Field(ge=0, le=22)] = 18

    @property
    def credit(self) -> Text:
        """What must be read wherever it is shown."""
        number = Text(f" 审图号：{self.approval_no}", f" map approval no. {self.approval_no}")
        return self.attribution + (number if self.approval_no else Text("", ""))

    def described(self) -> dict[str, Any]:
        """What anybody may know of it: neither where it comes from nor its key."""
        return {
            "id": self.id,
            "title": {"zh": self.title.zh, "en": self.title.en},
            "datum": self.datum,
            "credit": {"zh": self.credit.zh, "en": self.credit.en},
            "approval_no": self.approval_no or None,
            "least_zoom": self.least_zoom,
            "most_zoom": self.most_zoom,
            "tiles": f"/basemaps/{self.id}/{{z}}/{{y}}/{{x}}",
        }


class _Registry(_Frozen):
    basemaps: tuple[Basemap, ...] = ()


@cache
def _known() -> _Known:
    return _Known.model_validate(tomllib.loads(_KNOWN.read_text(encoding="utf-8")))


def registered(directory: Path, jurisdiction: Jurisdiction) -> tuple[Basemap, ...]:
    """Read the basemaps of a workspace, in the order of their file; none where there is no such file.

    Raises
    ------
    InputError
        When the file cannot be read, or an entry is not complete or may not be used; all faults are listed.
    """
    path = directory / FILE
    try:
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(_unreadable(str(error))) from error
    try:
        found = _Registry.model_validate(tomllib.loads(content)).basemaps
    except tomllib.TOMLDecodeError as error:
        raise InputError(_unreadable(str(error))) from error
    except ValidationError as error:
        raise InputError(*(_invalid(".".join(map(str, one["loc"])), one["msg"]) for one in error.errors())) from error
    faults = [fault for one in found for fault in _faults(one, jurisdiction)]
    faults += [
        _fault("basemap_twice", one.id, "编号重复", "the id stands twice")
        for place, one in enumerate(found)
        if one.id in {other.id for other in found[:place]}
    ]
    if faults:
        raise InputError(*faults)
    return found


def key_of(basemap: Basemap, environment: Mapping[str, str] = os.environ) -> SecretStr | None:
    """Return the key of a basemap, ``None`` where it has none or the environment does not hold it."""
    key = environment.get(basemap.key_env or "")
    return SecretStr(key) if key else None


def _faults(basemap: Basemap, jurisdiction: Jurisdiction) -> list[Fault]:
    return [*_of_datum(basemap, jurisdiction), *(_of_url(basemap) if basemap.kind in REMOTE else _of_file(basemap))]


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).upper()


def _of_datum(basemap: Basemap, jurisdiction: Jurisdiction) -> list[Fault]:
    name = _plain(basemap.datum)
    if name in {_plain(offset) for offset in jurisdiction.offset_datums}:
        return [_offset(basemap.id, basemap.datum)]
    admitted = (*_known().datums, *jurisdiction.geographic_crs)
    if name in map(_plain, admitted):
        return []
    listed = "、".join(admitted)
    return [
        _fault(
            "basemap_datum", basemap.id, f"datum 应为 {listed} 之一", f"datum must be one of {listed}", basemap.datum
        )
    ]


def _offset(id_: str, value: str) -> Fault:
    why = _known().refused
    return _fault("basemap_datum_mismatch", id_, why.zh, why.en, value)


def _of_url(basemap: Basemap) -> list[Fault]:
    url = basemap.url or ""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if parts.scheme not in {"http", "https"} or not host or not all(place in url for place in _PLACES):
        return [
            _fault(
                "basemap_url",
                basemap.id,
                "url 应为 http(s) 地址并含 {z} {x} {y}",
                "url must be an http(s) address with {z} {x} {y}",
            )
        ]
    if any(host == offset or host.endswith(f".{offset}") for offset in _known().offset_hosts):
        return [_offset(basemap.id, host)]
    if ("{key}" in url) != bool(basemap.key_env):
        return [
            _fault(
                "basemap_key",
                basemap.id,
                "密钥不写入文件：url 用 {key}，key_env 写环境变量名，两者须同时有",
                "keys are not written here: url has {key} and key_env names the environment variable, or neither",
            )
        ]
    return []


def _of_file(basemap: Basemap) -> list[Fault]:
    if basemap.file:
        return []
    return [_fault("basemap_file", basemap.id, f"{basemap.kind} 须有 file", f"{basemap.kind} needs a file")]


def _fault(code: str, id_: str, zh: str, en: str, value: str | None = None) -> Fault:
    return Fault(code, zh, en, where=FILE, id=id_, value=value)


def _unreadable(why: str) -> Fault:
    return Fault(
        "basemaps_unreadable", "底图设置文件无法读取", "the settings file cannot be read", where=FILE, value=why
    )


def _invalid(place: str, why: str) -> Fault:
    return Fault("basemap_invalid", f"{place} 缺失或有误", f"{place}: {why}", where=FILE)
