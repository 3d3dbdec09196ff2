"""What names a content: SHA-256 over parts, JSON that has one spelling; and the word for a content that is lost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from geo_service.errors import WorkspaceError


def digest(parts: Iterable[bytes]) -> str:
    """SHA-256 hex over parts, each preceded by its length so that no two lists of parts look alike.

    Examples
    --------
    >>> digest([b"ab", b"c"]) == digest([b"a", b"bc"])
    False
    """
    sha = hashlib.sha256()
    for part in parts:
        sha.update(len(part).to_bytes(8, "big"))
        sha.update(part)
    return sha.hexdigest()


def canonical(value: object) -> bytes:
    """JSON with sorted keys and no blanks, in UTF-8.

    Examples
    --------
    >>> canonical({"b": 1, "a": "地"}).decode()
    '{"a":"地","b":1}'
    """
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def damaged(path: Path) -> WorkspaceError:
    """The error for an edition file that cannot be read."""
    return WorkspaceError(
        f"数据版次文件 {path.name} 已损坏或缺失，请从备份恢复或重新导入 / "
        f"edition file {path.name} is damaged or missing; restore it from a backup or import it again"
    )
