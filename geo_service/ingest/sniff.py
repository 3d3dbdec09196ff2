"""Which format a file has, by its first bytes and never by its name."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

from geo_service.errors import Fault, InputError

HEAD_BYTES = 65536
_BOUNDARY_MARKS = ("[属性描述]", "[地块坐标]")
_DXF = re.compile(rb"\A(?:\s*999\r?\n[^\n]*\n)*\s*0\s*\r?\n\s*SECTION\s*\r?\n")
_ROOT = re.compile(rb"<\s*(?![?!])([A-Za-z_][\w.\-]*:)?([A-Za-z_][\w.\-]*)")


class Format(StrEnum):
    """Formats that can be read."""

    GEOJSON = "GeoJSON"
    BOUNDARY_TXT = "TXT"
    DELIMITED = "CSV"
    GEOPACKAGE = "GPKG"
    SHAPEFILE = "ESRI Shapefile"
    KML = "KML"
    DXF = "DXF"
    GEOTIFF = "GTiff"
    ZIP = "ZIP"


#: Formats that are read by GDAL; a zip may hold one of them.
NEEDS_GDAL = frozenset({Format.SHAPEFILE, Format.KML, Format.GEOTIFF, Format.ZIP})

_BY_MAGIC = (
    (b"PK\x03\x04", Format.ZIP),
    (b"SQLite format 3\x00", Format.GEOPACKAGE),
    (b"\x00\x00\x27\x0a", Format.SHAPEFILE),
    (b"II*\x00", Format.GEOTIFF),
    (b"MM\x00*", Format.GEOTIFF),
    (b"II+\x00", Format.GEOTIFF),
    (b"MM\x00+", Format.GEOTIFF),
    (b"AutoCAD Binary DXF", Format.DXF),
)


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file.

    Raises
    ------
    InputError
        When there is no such file, or it is a folder.
    """
    if path.is_dir():
        raise InputError(
            Fault(
                "folder_given",
                "给出的是文件夹，不是文件",
                "this is a folder, not a file",
                "FileGDB 请压缩为 .gdb.zip 后导入",
                "zip a FileGDB as .gdb.zip",
                where=path.name,
            )
        )
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        raise InputError(
            Fault(
                "file_missing",
                "文件不存在或无法打开",
                "no such file, or it cannot be opened",
                "请核对路径",
                "check the path",
                where=path.name,
            )
        ) from error


def format_of(head: bytes, name: str) -> Format:
    """Tell the format from the first bytes.

    Parameters
    ----------
    name : str
        Name of the file, for messages only.

    Raises
    ------
    InputError
        ``empty_file``, ``dwg_unsupported`` or ``unsupported_format``.

    Examples
    --------
    >>> format_of(b'{"type": "Point"}', "a.geojson")
    <Format.GEOJSON: 'GeoJSON'>
    """
    if not head.strip(b"\xef\xbb\xbf \t\r\n\x00"):
        raise InputError(
            Fault("empty_file", "文件为空", "the file is empty", "请重新导出", "export it again", where=name)
        )
    if head.startswith(b"AC10"):
        raise InputError(
            Fault(
                "dwg_unsupported",
                "DWG不支持，请另存DXF或导出界址点TXT",
                "DWG is not supported: save as DXF, or export the boundary points as TXT",
                "在CAD中另存为DXF",
                "save as DXF in the CAD program",
                where=name,
            )
        )
    for magic, found in _BY_MAGIC:
        if head.startswith(magic):
            return found
    bare = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if bare.startswith((b"{", b"[")) and not bare.startswith((b"[\xca\xf4", b"[\xb5\xd8", b"[\xe5")):
        return Format.GEOJSON
    if bare.startswith(b"<"):
        root = _ROOT.search(bare)
        if root is not None and root[2].lower() == b"kml":
            return Format.KML
        raise _unsupported(name, root[2].decode("ascii", "replace") if root else "XML")
    if _DXF.match(bare):
        return Format.DXF
    for encoding in ("utf-8", "gb18030", "utf-16"):
        text = head.decode(encoding, "ignore")
        if any(mark in text for mark in _BOUNDARY_MARKS):
            return Format.BOUNDARY_TXT
    first = bare.split(b"\n", 1)[0]
    if b"\x00" not in head and any(mark in first for mark in (b",", b"\t", b";")):
        return Format.DELIMITED
    raise _unsupported(name, repr(head[:8])[2:-1])


def _unsupported(name: str, seen: str) -> InputError:
    return InputError(
        Fault(
            "unsupported_format",
            "文件内容不是可接受的格式（看内容，不看扩展名）",
            "the content is not an accepted format (the content counts, not the name)",
            "可用：GeoJSON、GeoPackage、shapefile(zip)、FileGDB(zip)、KML、DXF、CSV、GeoTIFF、界址点TXT",
            "use GeoJSON, GeoPackage, zipped shapefile, zipped FileGDB, KML, DXF, CSV, GeoTIFF or boundary-point TXT",
            where=name,
            value=seen,
        )
    )
