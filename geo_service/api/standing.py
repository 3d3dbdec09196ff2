"""Whether a process of the service can do what it is asked for, part by part."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from geo_service import checking
from geo_service.errors import GeoServiceError
from geo_service.model.text import Text
from geo_service.service import Service
from geo_service.store.editions import FOLDER as EDITIONS

PARTS = {
    "stopping": Text("服务正在停止", "the service is stopping"),
    "data": Text("数据尚未就绪或无法读取", "the data are not ready or cannot be read"),
    "register": Text("台账不可写", "the register cannot be written to"),
    "editions": Text("数据版次目录不可写", "editions cannot be stored"),
    "disk": Text("磁盘剩余空间不足", "little room is left on the disk"),
    "workers": Text("核查进程无法启动", "no process for checks can be started"),
}


def missing(service: Service, *, ready: bool, stopping: bool, disk_free_bytes: int) -> list[str]:
    """Return the parts that are not as they should be; see `PARTS`."""
    workspace = service.workspace
    looks: dict[str, Callable[[], bool]] = {
        "stopping": lambda: not stopping,
        "data": lambda: ready and bool(service.snapshot()),
        "register": workspace.register.writable,
        "editions": lambda: os.access(workspace.directory / EDITIONS, os.W_OK | os.X_OK),
        "disk": lambda: shutil.disk_usage(workspace.directory).free >= disk_free_bytes,
        "workers": lambda: checking.standing(workspace.directory, service.rulebook.sha256),
    }
    return [part for part, look in looks.items() if not _holds(look)]


def _holds(look: Callable[[], bool]) -> bool:
    try:
        return look()
    except (GeoServiceError, OSError):
        return False
