"""How the files are written: the same bytes each time."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

from lots import Lot
from openpyxl import load_workbook
from openpyxl.packaging.core import DocumentProperties
from openpyxl.xml.functions import tostring
from places import CRS_URN
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from geo_service.model.rulebook import Rulebook
from geo_service.store import sheets
from geo_service.store.template import template

HERE = Path(__file__).parent

SYNTHETIC = "演示数据 synthetic demo data"


def coordinates(value: Any, digits: int) -> Any:
    """Round nested coordinates."""
    if isinstance(value, list | tuple):
        return [coordinates(part, digits) for part in value]
    return round(float(value), digits)


def write_geojson(
    path: Path,
    features: Iterable[tuple[BaseGeometry | None, dict[str, Any]]],
    head: dict[str, Any],
    *,
    metric: bool = True,
) -> None:
    """Write a FeatureCollection, one feature a line."""
    lines = []
    for geometry, properties in features:
        shown = None if geometry is None else mapping(geometry)
        if shown is not None:
            shown = {"type": shown["type"], "coordinates": coordinates(shown["coordinates"], 3 if metric else 6)}
        own = {key: value.isoformat() if isinstance(value, date) else value for key, value in properties.items()}
        lines.append(
            json.dumps(
                {"type": "Feature", "geometry": shown, "properties": own}, ensure_ascii=False, separators=(",", ":")
            )
        )
    top: dict[str, Any] = {"type": "FeatureCollection"}
    if metric:
        top["crs"] = {"type": "name", "properties": {"name": CRS_URN}}
    top |= head
    start = json.dumps(top, ensure_ascii=False)[:-1]
    path.write_text(start + ', "features": [\n' + ",\n".join(lines) + "\n]}\n", encoding="utf-8", newline="\n")


SYNTHETIC_HEAD = {"synthetic": True, "note": SYNTHETIC}

MIXED_HEAD = {
    "synthetic": True,
    "note": f"{SYNTHETIC}；source 为 GEM 的图形为真实数据 features whose source is GEM are real",
    "licence": "CC BY 4.0 (GEM features)",
    "attribution": "Global Energy Monitor",
}

MOMENT = datetime(2020, 1, 1)  # noqa: DTZ001 - the format stores no zone, and the moment is only there to be fixed


def register(lots: list[Lot], rulebook: Rulebook) -> bytes:
    """Fill the officers' spreadsheet."""
    book = load_workbook(io.BytesIO(template(rulebook)))
    claims = [{"parcel_id": lot.id} | entry for lot in lots for entry in lot.claims]
    facts = [{"parcel_id": lot.id} | lot.facts for lot in lots]
    indicators = [
        {
            "parcel_id": lot.id,
            "code": code,
            "value": value,
            "unit": unit,
            "document": f"规条〔2026〕{lot.id[-3:]}号（示例）",
        }
        for lot in lots
        for code, value, unit in lot.indicators
    ]
    wanted = (
        (sheets.claims(rulebook), claims),
        (sheets.facts(rulebook), facts),
        (sheets.indicators(rulebook), indicators),
    )
    for sheet, rows in wanted:
        target = book[sheet.title.zh]
        for row, entry in enumerate(rows, start=3):
            for number, column in enumerate(sheet.columns, start=1):
                value = entry.get(column.key)
                if isinstance(value, bool):
                    value = "yes" if value else "no"
                if column.choices and value is not None:
                    value = column.choices[value].zh if value in column.choices else value
                if value is not None:
                    place = target.cell(row, number, value)
                    if isinstance(value, date):
                        place.number_format = "yyyy-mm-dd"
    buffer = io.BytesIO()
    book.save(buffer)
    return without_moment(buffer.getvalue())


def without_moment(data: bytes) -> bytes:
    """Return the same workbook with fixed times inside."""
    properties = tostring(DocumentProperties(creator="demo", created=MOMENT, modified=MOMENT).to_tree())
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            member = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            member.compress_type, member.create_system = zipfile.ZIP_DEFLATED, 3
            member.external_attr = 0o644 << 16
            target.writestr(member, properties if name == "docProps/core.xml" else source.read(name))
    return buffer.getvalue()


def quoted(text: str) -> str:
    """A TOML string."""
    return json.dumps(text, ensure_ascii=False)
