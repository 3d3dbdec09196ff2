"""A strict look at the coordinates of a KML before GDAL reads them, and its numbers as the texts they are.

GDAL drops a position that it cannot read, or makes another of it, and says nothing; nor does it say so when a hole or a
part has no position at all. Of a number it makes what its type holds: the largest one of a longer code, and zero of a
text that is empty or none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path
from xml.sax import SAXException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

from defusedxml import DefusedXmlException, sax

from geo_service.errors import Fault, InputError
from geo_service.ingest.faults import unreadable

# GDAL parts positions at these characters only; \s would be other blanks as well.
_WORD = re.compile(r"[^ \t\r\n]+")
_BLANKS_AT_COMMAS = re.compile(r"[ \t\r\n]*,[ \t\r\n]*")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_FIELD = re.compile(rb"""<(?:[\w.\-]+:)?SimpleField(?:\s+[^\s=<>"']+\s*=\s*(?:"[^"]*"|'[^']*'))*""")
_TYPE = re.compile(rb"""(\stype\s*=\s*)(?:"[^"]*"|'[^']*')""")
_POSITIONS = frozenset({"coordinates", "coord"})
_SHAPES = frozenset({"Polygon", "LinearRing", "LineString", "Point"})
_NAME_LENGTH = 64


def check(file: Path, name: str) -> None:
    """Refuse a KML with a position that is not two or three finite numbers, or with a hole or a part without any.

    Raises
    ------
    InputError
        A fault for each placemark with such a position, or one when the file is no XML.
    """
    look = _Look(name)
    try:
        with file.open("rb") as given:
            sax.parse(given, look, forbid_dtd=True)
    except (SAXException, DefusedXmlException, LookupError, ValueError) as error:
        raise unreadable(name, "KML 无法读取", "the KML cannot be read") from error
    if look.faults:
        raise InputError(*look.faults)


def as_text(data: bytes) -> bytes:
    """Let every field of a KML be text, whatever type its schema gives it.

    Examples
    --------
    >>> as_text(b'<SimpleField name="code" type="int"/>')
    b'<SimpleField name="code" type="string"/>'
    """
    return _FIELD.sub(lambda field: _TYPE.sub(rb'\1"string"', field[0]), data)


class _Look(ContentHandler):
    """Holds one text at a time, whatever the size of the file."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self.faults: list[Fault] = []
        self._file = file
        self._path: list[str] = []
        self._text: list[str] = []
        self._places = 0
        self._id = self._title = ""
        self._bad: str | None = None
        self._here = False
        self._empty: str | None = None
        self._filled = False

    def startElement(self, name: str, attrs: AttributesImpl) -> None:
        if self._path and self._path[-1] in _POSITIONS and self._bad is None:
            self._bad = f"<{name}>"
        self._path.append(name.rpartition(":")[2])
        self._text = []
        if self._path[-1] == "Placemark":
            self._places += 1
            self._id, self._title = attrs.get("id", ""), ""
            self._empty, self._filled = None, False
        elif self._path[-1] in _SHAPES:
            self._here = False

    def characters(self, content: str) -> None:
        if self._path[-1] in {*_POSITIONS, "name"}:
            self._text.append(content)

    def endElement(self, name: str) -> None:
        ended = self._path.pop()
        if ended == "name" and self._path[-1:] == ["Placemark"]:
            self._title = "".join(self._text).strip()
        elif ended in _POSITIONS and self._bad is None:
            text = "".join(self._text)
            self._here = self._here or bool(_WORD.search(text))
            self._bad = _bad_position(text) if ended == "coordinates" else _bad_of([",".join(_WORD.findall(text))])
        elif ended in _SHAPES:
            self._filled = self._filled or self._here
            self._empty = self._empty if self._here else f"<{ended}>"
        # A placemark without any position is a row without a shape, which is told when it is read.
        if ended == "Placemark" and self._filled and self._bad is None:
            self._bad = self._empty
        if self._bad is not None and (ended == "Placemark" or "Placemark" not in self._path):
            self.faults.append(self._fault(self._bad, inside=ended == "Placemark"))
            self._bad = None

    def _fault(self, position: str, *, inside: bool) -> Fault:
        title = self._title[:_NAME_LENGTH]
        zh, en = (f"地标{title}", f"the placemark {title}".rstrip()) if inside else ("地标之外", "what is no placemark")
        return Fault(
            "bad_geometry",
            f"{zh}的坐标应为“经度,纬度”或“经度,纬度,高程”，均为十进制数",
            f"a position of {en} should be longitude,latitude or longitude,latitude,height, each a decimal number",
            "请更正该坐标，或重新导出 KML",
            "correct the position, or export the KML again",
            where=self._file,
            row=self._places if inside else None,
            id=self._id[:_NAME_LENGTH] or None if inside else None,
            value=position[:200],
        )


def _bad_position(text: str) -> str | None:
    """Return the first position of a text that is not two or three finite numbers.

    Blanks beside a comma are taken for a part of it where all positions then have as many numbers; where they do not,
    a number may be missing there.

    Examples
    --------
    >>> _bad_position("113.05,36.25 113.06, 36.25 113.06,36.26,900")
    '113.06,'
    >>> _bad_position("113.05, 36.25 113.06, 36.25")
    >>> _bad_position("113.05,36.25 113.06 113.O6,36.26")
    '113.06'
    """
    bad = _bad_of(match[0] for match in _WORD.finditer(text))
    if bad is None:
        return None
    joined = _BLANKS_AT_COMMAS.sub(",", text)
    if joined != text:
        counts = {match[0].count(",") for match in _WORD.finditer(joined)}
        if len(counts) == 1 and _bad_of(match[0] for match in _WORD.finditer(joined)) is None:
            return None
    return bad


def _bad_of(positions: Iterable[str]) -> str | None:
    for position in positions:
        numbers = position.split(",")
        if len(numbers) not in {2, 3} or not all(
            _NUMBER.fullmatch(number) and math.isfinite(float(number)) for number in numbers
        ):
            return position
    return None
