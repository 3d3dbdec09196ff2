"""The two sheets as pages that a browser prints: what stands on them, and in which order."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import shapely
from markupsafe import Markup

from geo_service.maps import labels
from geo_service.maps.card import card, head
from geo_service.maps.offline import inline_script, inline_style
from geo_service.maps.rows import both, joined
from geo_service.maps.scene import MapParcel, MapView, Record
from geo_service.maps.sheet import signs
from geo_service.maps.sheet.ground import ground
from geo_service.maps.sheet.paper import Box, Frame, Orientation, Paper, fitted, size_mm
from geo_service.maps.sheet.plan import Plan, plan
from geo_service.maps.sheet.qr import code
from geo_service.maps.sheet.svg import picture, width_mm
from geo_service.maps.signs import STATUS_SIGN, title_of
from geo_service.model.text import Text
from geo_service.model.units import THIN_SPACE, grouped

MARGIN_MM = 11.0
_NO_BREAK = "\u00a0"
QR_MM = 22.0
CHECK_MAP_MM = (137.0, 70.0)
# On the map sheet: what the head and the foot take of its height, and the legend of its width or height.
HEAD_MM, FOOT_MM, SIDE_MM, BELOW_MM = 16.0, 11.0, 52.0, 66.0
# What the first page has room for of the things to do, to obtain and to write down; the second page has all of them.
_LINES_AT_ONCE, _LINE_MM = 13, 84.0
_GIVEN = ("todo", "missing", "conditions")
# On the largest sheet at A3 these have less than a square of 7 mm each.
MOST_PARCELS = 2000
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parents[1] / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Language(StrEnum):
    """The language of a sheet."""

    ZH = "zh"
    EN = "en"


@dataclass(frozen=True, eq=False)
class SheetView:
    """What a sheet is made from.

    Attributes
    ----------
    view : MapView
        Geometry in metres of the working CRS that ``crs_text`` names.
    focus : MapParcel, optional
        The parcel the sheet is about, one of the view's.
    frame : Frame
        The ground that its map shows.
    permalink : str
        Address that shows the same on screen; printed as a QR code.
    as_of : date, optional
        The date that somebody asked for; else each parcel stands on its own.
    edition_dates : mapping of str to str
        Dates of the layers' editions, by id of the layer.
    crs : str
        The working CRS.
    basemap : mapping, optional
        The one that lies under the map, as the API describes it.
    """

    view: MapView
    focus: MapParcel | None
    frame: Frame
    permalink: str
    language: Language = Language.ZH
    as_of: date | None = None
    edition_dates: Mapping[str, str] = field(default_factory=dict)
    crs: str = ""
    basemap: Mapping[str, Any] | None = None


def check_frame(box: Box) -> Frame:
    """Return the ground that the map of a check sheet shows around a parcel's box, in metres."""
    return fitted(box, *CHECK_MAP_MM, fill=0.72)


def map_frame(
    box: Box, paper: Paper, orientation: Orientation, *, fill: float = 1.0, scale: int | None = None
) -> Frame:
    """Return the ground that a map sheet shows: a box in metres, at a round scale or at the one asked for."""
    wide, high = size_mm(paper, orientation)
    wide, high = wide - 2 * MARGIN_MM, high - 2 * MARGIN_MM - HEAD_MM - FOOT_MM
    across = orientation is Orientation.LANDSCAPE
    return fitted(box, wide - SIDE_MM * across, high - BELOW_MM * (not across), fill=fill, scale=scale)


def check_sheet(sheet: SheetView, *, layers: frozenset[str] | None = None, nonce: str | None = None) -> str:
    """Write the check sheet of a parcel: two pages of A4.

    Parameters
    ----------
    layers : frozenset of str, optional
        Ids of the layers to draw on its map.

    Raises
    ------
    ValueError
        When the view has no parcel it is about.
    """
    focus = sheet.focus
    if focus is None:
        raise ValueError("a check sheet is about one parcel")
    record = focus.record
    drawn = _plan(sheet, layers)
    found = card(
        record,
        land_use=focus.land_use,
        zone_name=focus.zone_name,
        layer_titles=sheet.view.layer_titles,
        names=sheet.view.names,
    )
    sections = {section["key"]: section for section in found["sections"]}
    band = signs.verdict(STATUS_SIGN[record["verdict"]["status"]])(shapely.box(-2.0, -2.0, 8.0, 40.0))
    return _page(
        "check_sheet.html",
        sheet,
        nonce,
        paper=Paper.A4,
        orientation=Orientation.PORTRAIT,
        record=record,
        facts=[fact for fact in sections["provenance"]["facts"] if fact[0][1] != "CRS"],
        card=found,
        sections=sections,
        grounds=_grounds(record),
        titles=_titles(record, sheet.language),
        named=_named(sections, sheet.language),
        constraints=_not_given(sections),
        unknown=_unknown(sections, record, sheet.language),
        untouched=_untouched(sections, sheet.language),
        editions=_editions(record),
        passed=sum(found["outcome"] == "set" for found in record["indicators"]),
        band=picture(6.0, 30.0, [band], "band"),
        drawn=drawn,
        number=extract_number(record),
        keep=f"/parcels/{quote(focus.id, safe='')}/links?as_of={record['as_of']}",
        sensitive=labels.BOUNDARY_SENSITIVE,
        **_measures(drawn),
    )


def map_sheet(
    sheet: SheetView,
    paper: Paper,
    orientation: Orientation,
    *,
    layers: frozenset[str] | None = None,
    nonce: str | None = None,
) -> str:
    """Write the map sheet: one page with the map, its legend and where its data come from.

    Parameters
    ----------
    layers : frozenset of str, optional
        Ids of the layers to draw.
    """
    drawn = _plan(sheet, layers)
    record = sheet.focus.record if sheet.focus else None
    return _page(
        "map_sheet.html",
        sheet,
        nonce,
        paper=paper,
        orientation=orientation,
        drawn=drawn,
        about=_about(sheet),
        as_of=record["as_of"] if record else sheet.as_of,
        number=extract_number(record) if record else None,
        keep=None,
        credits=[credit for credit in _credits(drawn, sheet.view) if credit],
        edition_dates=sheet.edition_dates,
        **_measures(drawn),
    )


def _plan(sheet: SheetView, layers: frozenset[str] | None) -> Plan:
    under = Markup("") if sheet.basemap is None else ground(sheet.frame, sheet.crs, sheet.basemap)
    return plan(sheet.view, sheet.focus, sheet.frame, sheet.language, layers, under)


def _ground_words(basemap: Mapping[str, Any] | None) -> Text:
    """Say what lies under the map, with its credit and approval number."""
    if basemap is None:
        return Text("底图：无　审图号：—", "no basemap")
    title, credit = Text(**basemap["title"]), Text(**basemap["credit"])
    lies = Text(f"底图：{title.zh}（{basemap['datum']}）　", f"basemap: {title.en} ({basemap['datum']}), ")
    return lies + credit + (Text("", "") if basemap["approval_no"] else Text("　审图号：—", ", no map approval number"))


def extract_number(record: Record) -> str:
    """Number of what was printed: the date asked about and the beginning of the digest.

    Examples
    --------
    >>> extract_number({"as_of": "2026-12-01", "provenance": {"digest": "7f3a91c4" + 56 * "0"}})
    '20261201-7F3A91C4'
    """
    return f"{record['as_of'].replace('-', '')}-{record['provenance']['digest'][:8].upper()}"


def _measures(drawn: Plan) -> dict[str, Any]:
    return {"scale_text": grouped(drawn.frame.scale, 0)}


def _about(sheet: SheetView) -> Text:
    """Say in one line what a map sheet shows: the parcel with its area and verdict, or the zones."""
    if sheet.focus is not None:
        record = sheet.focus.record
        shown = head(record)
        name = both(" ".join(filter(None, (shown["id"], shown["name"]))))
        return joined([name, Text(*shown["area"]), labels.STATUS_FULL[record["verdict"]["status"]]])
    found = {parcel.record["parcel"]["zone"]: parcel.zone_name for parcel in sheet.view.parcels}
    zones = "、".join(name or zone for zone, name in sorted(found.items(), key=str) if zone)
    count = len(sheet.view.parcels)
    return joined([both(zones) if zones else None, Text(f"地块 {count} 宗", f"{count} parcels")])


def _grounds(record: Record) -> dict[str, list[str]]:
    """Documents and articles on which each finding rests, by its code."""
    findings: list[Mapping[str, Any]] = [*record["assessments"], *record["constraints"], *record["indicators"]]
    return {
        found["code"]: [" ".join(filter(None, (basis["document"], basis["article"]))) for basis in found["basis"]]
        for found in findings
    }


def _titles(record: Record, language: Language) -> dict[str, str]:
    """Names of findings by code."""
    level = {"code": "LEVEL", **record["readiness"]["level"]}
    findings = [*record["assessments"], *record["constraints"], *record["readiness"]["services"], level]
    titles = {found["code"]: title_of(found, labels.SERVICE_NAME) for found in [*findings, *record["indicators"]]}
    return {code: title.en if language is Language.EN else title.zh for code, title in titles.items()}


def _named(sections: Mapping[str, Any], language: Language) -> dict[str, int]:
    """Tell how many of each list the first page has room for, what is most urgent first."""
    left, place = _LINES_AT_ONCE, int(language is Language.EN)
    found: dict[str, int] = {}
    for key in _GIVEN:
        found[key] = 0
        for item in sections[key]["items"]:
            words = item["name"] + item.get("words", []) if key == "missing" else item["name"]
            left -= math.ceil(width_mm("".join(words[place::2])) / _LINE_MM)
            if left < 0:
                break
            found[key] += 1
    return found


def _not_given(sections: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the constraints that are not among the things to do, to obtain or to write down already."""
    given = {item.get("code") for key in _GIVEN for item in sections[key]["items"]}
    return [item for item in sections["constraints"]["items"] if item.get("code") not in given or "code" not in item]


def _unknown(sections: Mapping[str, Any], record: Record, language: Language) -> list[tuple[str, list[str]]]:
    """Return outcome and lines of what is not known, each thing said once.

    The message of what has no data repeats its outcome and its reason; that of a service repeats its two witnesses,
    which are in the table of services.
    """
    place = int(language is Language.EN)
    repeated = {found["code"] for found in (*record["assessments"], *record["constraints"]) if found["reason"]}
    repeated |= {found["code"] for found in record["readiness"]["services"]} | {"LEVEL"}
    said = []
    for item in sections["missing"]["items"]:
        lines = [line[place] for line in item.get("lines", ())]
        outcome, _, why = item["words"][place].partition(" · ")
        if not (why and lines and lines[0].startswith(why)):
            outcome = item["words"][place]
        if item["code"] in repeated:
            lines = [line for line in lines if not line.startswith(item["name"][place])]
        said.append((outcome, lines))
    return said


def _untouched(sections: Mapping[str, Any], language: Language) -> str:
    count = len(sections["constraints"]["folded"]["items"])
    zh, en = f"其余 {count} 项未涉及或在范围内", f"{count} more not touched or inside"
    return en if language is Language.EN else zh


def _credits(drawn: Plan, view: MapView) -> list[str]:
    """Say whose data are drawn, each source once; what was invented for a demonstration is marked elsewhere."""
    ids = {entry.layer for entry in drawn.legend}
    there = [layer for layer in view.layers if layer.spec.id in ids and not layer.synthetic]
    return list(dict.fromkeys(" ".join(filter(None, (layer.attribution, layer.licence))) for layer in there))


def _editions(record: Record) -> list[tuple[str | None, list[Mapping[str, Any]]]]:
    """Layers read, by the date of their editions, the newest first."""
    found: dict[str | None, list[Mapping[str, Any]]] = {}
    for layer in record["provenance"]["layers"]:
        found.setdefault(layer["edition_date"], []).append(layer)
    return sorted(found.items(), key=lambda entry: entry[0] or "", reverse=True)


def _page(template: str, sheet: SheetView, nonce: str | None, **facts: Any) -> str:
    second = sheet.language is Language.EN
    wide, high = size_mm(facts["paper"], facts["orientation"])

    def say(text: Text | list[str] | str) -> str:
        if isinstance(text, Text):
            text = text.en if second else text.zh
        chosen = text if isinstance(text, str) else text[int(second)]
        # A number never breaks over two lines.
        return chosen.replace(THIN_SPACE, _NO_BREAK)

    return _TEMPLATES.get_template(template).render(
        sheet=sheet,
        view=sheet.view,
        focus=sheet.focus,
        say=say,
        words=lambda zh, en: en if second else zh,
        size=(wide, high),
        margin_mm=MARGIN_MM,
        style=Markup(inline_style("sheet.css")),  # noqa: S704 - a file of ours
        script=Markup(inline_script("sheet.js")),  # noqa: S704 - a file of ours
        nonce=nonce,
        qr=code(sheet.permalink, QR_MM),
        synthetic=labels.SYNTHETIC,
        ground=_ground_words(sheet.basemap),
        **facts,
    )
