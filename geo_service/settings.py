"""How a server is run: from the environment and from a file, read once; a key that nobody knows is refused.

What is given on the command line counts before the environment (``GEO_SERVICE_PORT``), and that before the file.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from geo_service.errors import Fault, InputError
from geo_service.model.catalogue import Frozen

PREFIX = "GEO_SERVICE_"
FILE = "geo-service.toml"
#: Variables that are read elsewhere: where the workspace is, and where this file is.
OTHERS = frozenset({"WORKSPACE", "SETTINGS"})


class Settings(Frozen):
    """Everything that can be set of a server."""

    host: str = Field("127.0.0.1", description="监听地址 / address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="端口 / port")
    workers: int = Field(1, ge=1, le=64, description="服务进程数 / processes that answer")
    anonymous: bool = Field(False, description="无密钥也可查阅 / everybody may read without a key")
    local_planner: bool = Field(
        False, description="本机用户视为规划人员 / whoever sits at this machine counts as a planner"
    )
    wrong_keys_per_minute: int = Field(
        10, ge=1, description="每个地址每分钟可出示的错误密钥数 / wrong keys of one address in a minute"
    )
    session_hours: float = Field(
        12.0, gt=0, le=168, description="浏览器登录时长（小时）/ hours for which a browser is signed in"
    )
    json_bytes: int = Field(2_000_000, ge=1000, description="JSON 请求的上限（字节）/ largest body of JSON")
    upload_bytes: int = Field(200_000_000, ge=1000, description="上传文件的上限（字节）/ largest uploaded file")
    stop_seconds: int = Field(
        30, ge=1, le=600, description="停止时等待在办请求的秒数 / how long a stop waits for requests"
    )
    disk_free_bytes: int = Field(
        500_000_000, ge=0, description="磁盘剩余低于此值即未就绪（字节）/ not ready with less room on the disk"
    )
    log: bool = Field(True, description="每个请求记一行 JSON 日志 / one line of JSON for every request")


def read(environment: Mapping[str, str], file: Path | None, given: Mapping[str, Any]) -> Settings:
    """Read the settings.

    Parameters
    ----------
    environment : mapping of str to str
        Variables; those that do not begin with ``GEO_SERVICE_`` are not ours.
    file : Path or None
        A TOML file.
    given : mapping of str to any
        What the command line says; ``None`` where it says nothing.

    Raises
    ------
    InputError
        Naming what is not known or not right, where it stands, and the nearest key there is.

    Examples
    --------
    >>> read({"GEO_SERVICE_PORT": "9000", "HOME": "x"}, None, {"host": None}).port
    9000
    """
    found = {name: value for name, value in given.items() if value is not None}
    sources: dict[str, tuple[str, Any]] = {}
    for name, value in ({} if file is None else _table(file)).items():
        sources[name] = (file.name if file else "", value)
    for name, text in environment.items():
        if name.startswith(PREFIX) and (own := name.removeprefix(PREFIX)) not in OTHERS:
            sources[own.lower()] = (name, text)
    faults = [_unknown(name, where) for name, (where, _) in sources.items() if name not in Settings.model_fields]
    if faults:
        raise InputError(*faults)
    try:
        return Settings.model_validate({name: value for name, (_, value) in sources.items()} | found, strict=False)
    except ValidationError as error:
        raise InputError(*(_wrong(one, sources) for one in error.errors())) from error


def _table(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            Fault(
                "settings_unreadable",
                "设置文件无法读取",
                "the file of settings cannot be read",
                "请核对文件是否存在、是否为 TOML",
                "see that it is there and is TOML",
                where=file.name,
                value=str(error) if isinstance(error, tomllib.TOMLDecodeError) else None,
            )
        ) from error


def _unknown(name: str, where: str) -> Fault:
    near = difflib.get_close_matches(name, Settings.model_fields, n=1, cutoff=0.0)
    return Fault(
        "setting_unknown",
        "没有该设置项",
        "no such setting",
        f"最接近的是 {near[0]}",
        f"the nearest there is: {near[0]}",
        where=where,
        value=name,
    )


def _wrong(error: Any, sources: Mapping[str, tuple[str, Any]]) -> Fault:
    name = str(error["loc"][0])
    where, _ = sources.get(name, (f"--{name.replace('_', '-')}", None))
    return Fault(
        "setting_wrong",
        f"设置项 {name} 的值不对：{Settings.model_fields[name].description}",
        f"the setting {name} is not right: {error['msg']}",
        where=where,
        value=str(error["input"])[:200],
    )
