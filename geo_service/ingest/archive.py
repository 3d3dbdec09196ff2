"""Zip files from outside: checked before a byte is unpacked, and unpacked to names of our own."""

from __future__ import annotations

import lzma
import re
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from geo_service.errors import Fault, InputError

MAX_MEMBERS = 1_000
MAX_RATIO = 200
MAX_TOTAL_BYTES = 2_000_000_000
_CHUNK = 1 << 20
#: Signature, version, flags, method, time, date, CRC, packed and whole size, lengths of name and extra field.
_HEADER = struct.Struct("<4sHHHHHIIIHH")
_ENCRYPTED, _SIZES_FOLLOW = 0x1, 0x8
_ELSEWHERE = 0xFFFFFFFF
_WANTED = frozenset(
    {
        ".shp",
        ".shx",
        ".dbf",
        ".prj",
        ".cpg",
        ".geojson",
        ".json",
        ".gpkg",
        ".kml",
        ".txt",
        ".csv",
        ".dxf",
        ".tif",
        ".tiff",
    }
)
#: What stands beside a data set and says nothing of the land: indexes, small copies, and what a program noted of it.
_BESIDE = frozenset(
    {".sbn", ".sbx", ".qix", ".fix", ".idm", ".ind", ".ain", ".aih", ".atx", ".ovr", ".qpj", ".qmd", ".xml"}
)
_GDB_MEMBER = re.compile(
    r"a[0-9a-f]{8}\.(gdbtable|gdbtablx|gdbindexes|freelist|horizon|spx|[0-9a-z_]{1,40}\.atx)\Z|gdb\Z|timestamps\Z"
)


@dataclass(frozen=True, slots=True)
class Member:
    """One unpacked file; ``path`` is what the zip calls it, or for a file of a FileGDB the folder that holds it."""

    path: str
    suffix: str
    file: Path


def _refuse(name: str, code: str, zh: str, en: str, value: str | None = None) -> InputError:
    return InputError(
        Fault(
            code,
            zh,
            en,
            "请重新压缩：只放数据文件，不加密",
            "zip it again: data files only, no password",
            where=name,
            value=value,
        )
    )


def _shown(info: zipfile.ZipInfo) -> str:
    """Return a member's name as its writer meant it: without the UTF-8 flag Chinese Windows writes GBK."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("gb18030")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return info.filename


def _check(infos: list[zipfile.ZipInfo], name: str) -> None:
    if len(infos) > MAX_MEMBERS:
        raise _refuse(
            name,
            "zip_too_many",
            f"压缩包文件过多（超过{MAX_MEMBERS}个）",
            f"more than {MAX_MEMBERS} members",
            str(len(infos)),
        )
    seen: set[str] = set()
    total = 0
    for info in infos:
        shown = info.orig_filename if isinstance(info.orig_filename, str) else info.filename
        parts = PurePosixPath(shown).parts
        if "\\" in shown or "\x00" in shown or shown.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", shown):
            raise _refuse(name, "zip_unsafe_name", "压缩包内含不安全的路径", "a member has an unsafe path", shown)
        if stat.S_ISLNK(info.external_attr >> 16):
            raise _refuse(name, "zip_symlink", "压缩包内含符号链接", "a member is a symbolic link", shown)
        if info.flag_bits & _ENCRYPTED:
            raise _refuse(name, "zip_encrypted", "压缩包已加密", "the zip is encrypted", shown)
        key = shown.casefold()
        if key in seen:
            raise _refuse(name, "zip_duplicate", "压缩包内有重名文件", "two members have one name", shown)
        seen.add(key)
        total += info.file_size
        if total > MAX_TOTAL_BYTES or info.file_size > MAX_RATIO * max(info.compress_size, 1):
            raise _refuse(name, "zip_bomb", "压缩包解压后过大", "the zip unpacks to too much", shown)


def _check_headers(infos: list[zipfile.ZipInfo], name: str, archive: Path) -> None:
    """Check the header before each member against the list at the end: readers differ in which of them they believe."""
    ends = 0
    size = archive.stat().st_size
    with archive.open("rb") as file:
        for info in sorted(infos, key=lambda info: info.header_offset):
            if info.header_offset < ends:
                raise _refuse(name, "zip_overlap", "压缩包内文件重叠", "members of the zip overlap", info.filename)
            file.seek(info.header_offset)
            head = file.read(_HEADER.size)
            if len(head) < _HEADER.size:
                raise _refuse(name, "zip_damaged", "压缩包已损坏", "the zip is damaged", info.filename)
            _, _, flags, method, _, _, *own, name_bytes, extra_bytes = _HEADER.unpack(head)
            extra = file.read(name_bytes + extra_bytes)[name_bytes:]
            ends = info.header_offset + _HEADER.size + name_bytes + extra_bytes + info.compress_size
            if ends > size:
                raise _refuse(name, "zip_damaged", "压缩包已损坏", "the zip is damaged", info.filename)
            listed = [info.CRC, info.compress_size, info.file_size]
            said = [own[0], *_sizes(own[1:], extra)]
            # What is packed while it is sent has its sizes behind it, and before it the same or nothing.
            same = said == listed or (flags & _SIZES_FOLLOW and not any(said))
            if not same or method != info.compress_type or (flags ^ info.flag_bits) & _ENCRYPTED:
                raise _refuse(
                    name,
                    "zip_damaged",
                    "压缩包内文件头与目录不符",
                    "the header of a member contradicts the list of members",
                    info.filename,
                )


def _sizes(own: list[int], extra: bytes) -> list[int]:
    """Return the two sizes of a header, of which large ones stand in the extra field."""
    if _ELSEWHERE not in own:
        return own
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        if kind == 1 and length >= 16:
            whole, packed = struct.unpack_from("<QQ", extra, 4)
            return [packed, whole]
        extra = extra[4 + length :]
    return own


def unpack(archive: Path, folder: Path, name: str) -> tuple[list[Member], list[str]]:
    """Unpack the data files of a zip into a folder, under generated names.

    Parameters
    ----------
    folder : Path
        An existing folder of this job.
    name : str
        Name of the zip, for messages.

    Returns
    -------
    list of Member, list of str
        What was unpacked, and the names of files of kinds that are never read.

    Raises
    ------
    InputError
        Unsafe names, links, encryption, duplicates, bombs, damage.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            infos = opened.infolist()
            _check(infos, name)
            _check_headers(infos, name, archive)
            return _extract(opened, [info for info in infos if not info.is_dir()], folder)
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        NotImplementedError,
        OSError,
        RuntimeError,
        ValueError,
    ) as error:
        raise _refuse(
            name, "zip_damaged", "压缩包已损坏或压缩方式不支持", "the zip is damaged or its method is not supported"
        ) from error


def _extract(opened: zipfile.ZipFile, infos: list[zipfile.ZipInfo], folder: Path) -> tuple[list[Member], list[str]]:
    members: list[Member] = []
    others: list[str] = []
    stems: dict[str, str] = {}
    for info in infos:
        shown = PurePosixPath(_shown(info))
        if shown.name.startswith(".") or "__MACOSX" in shown.parts:
            continue
        if any(part.lower().endswith(".gdb") for part in shown.parts[:-1]):
            plain = shown.name.lower()
            if not _GDB_MEMBER.match(plain):
                continue
            inner = stems.setdefault(str(shown.parent).casefold(), f"g{len(stems)}.gdb")
            (folder / inner).mkdir(exist_ok=True)
            # The name is one of a closed set, so it is ours as much as theirs.
            target = folder / inner / plain
            path, suffix = str(shown.parent), ".gdb"
        else:
            suffix = shown.suffix.lower()
            if suffix not in _WANTED:
                if suffix not in _BESIDE:
                    others.append(str(shown))
                continue
            stem = stems.setdefault(str(shown.with_suffix("")).casefold(), f"m{len(stems)}")
            target = folder / f"{stem}{suffix}"
            path = str(shown)
        _copy(opened, info, target)
        members.append(Member(path, suffix, target))
    return members, others


def _copy(opened: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    """Copy one member, counting what really comes out; the CRC is checked at its end."""
    left = info.file_size
    with opened.open(info) as source, target.open("xb") as out:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise zipfile.BadZipFile("a member is larger than it says")
            out.write(chunk)
    if left:
        raise zipfile.BadZipFile("a member is smaller than it says")
