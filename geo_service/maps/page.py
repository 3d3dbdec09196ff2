"""A whole page: the drawn map, the data beside it, and the one script and style sheet that are ours."""

from __future__ import annotations

from pathlib import Path

import jinja2
from markupsafe import Markup

from geo_service.maps import labels
from geo_service.maps.board import columns, entries
from geo_service.maps.card import card
from geo_service.maps.draw import bounds, details, draw, label_point, leaves, rounded
from geo_service.maps.offline import Drawn, inline_script, inline_style, render_offline
from geo_service.maps.pack import packed, script_json
from geo_service.maps.rows import Json, both, joined, pair, square_metres
from geo_service.maps.scene import MapParcel, MapPiece, MapView, Record
from geo_service.maps.signs import title_of
from geo_service.model.text import Text

_OWN_SCRIPT, _OWN_STYLE = "app.js", "app.css"
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
FILE_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)


def page(view: MapView, focus: MapParcel | None, *, single_file: bool, nonce: str | None) -> str:
    """Write the page; ``focus`` makes it the page of one parcel."""
    drawn = render_offline(draw(view, focus))
    return _TEMPLATES.get_template("page.html").render(
        kind="parcel" if focus else "zone",
        view=view,
        focus=focus,
        zones=_zones(view),
        as_of=_as_of(view.as_of_text),
        synthetic=labels.SYNTHETIC,
        forced=labels.FORCED if focus and _forced(view, focus) else None,
        policy=FILE_POLICY if single_file else None,
        nonce=nonce,
        map_html=Markup(drawn.html),  # noqa: S704 - rendered by the map library from names of ours
        map_script=Markup(drawn.script),  # noqa: S704 - data in it are JSON with <, > and & escaped
        data=Markup(script_json(_data(view, focus))),  # noqa: S704 - escaped by script_json
        **_assets(drawn, single_file),
    )


def _zones(view: MapView) -> Text:
    found = {zone: parcel.zone_name for parcel in view.parcels if (zone := parcel.record["parcel"]["zone"])}
    names = [" ".join(filter(None, (found[zone], zone))) for zone in sorted(found)]
    if len(names) == 1:
        return Text(f"开发区 {names[0]}", f"Zone {names[0]}")
    listed = "、".join(names)
    return Text(f"{len(names)} 个开发区：{listed}", f"{len(names)} zones: {listed}") if names else Text("", "")


def _as_of(text: str) -> tuple[str, Text | None]:
    """Split ``date（zh / en）`` so that the remark can stand under the date."""
    day, _, remark = text.partition("（")
    zh, _, en = remark.removesuffix("）").partition(" / ")
    return day, Text(zh, en or zh) if zh else None


def _assets(drawn: Drawn, single_file: bool) -> dict[str, list[Markup] | list[str]]:
    scripts, styles = [*drawn.scripts, _OWN_SCRIPT], [*drawn.styles, _OWN_STYLE]
    if single_file:
        return {
            "inline_scripts": [Markup(inline_script(path)) for path in scripts],  # noqa: S704 - files of ours
            "inline_styles": [Markup(inline_style(path)) for path in styles],  # noqa: S704 - files of ours
            "linked_scripts": [],
            "linked_styles": [],
        }
    return {"inline_scripts": [], "inline_styles": [], "linked_scripts": scripts, "linked_styles": styles}


def _forced(view: MapView, focus: MapParcel) -> bool:
    # A page that stands alone is part of a package, and a package of such a parcel is only made by force.
    return not view.links and focus.record["verdict"]["status"] in ("not_ready", "undetermined")


def _data(view: MapView, focus: MapParcel | None) -> Json:
    # The page of one parcel draws its neighbours and says nothing of them.
    shown = [parcel if focus is None or parcel is focus else None for parcel in view.parcels]
    forced = focus is not None and _forced(view, focus)
    return {
        "kind": "parcel" if focus else "zone",
        "focus": view.parcels.index(focus) if focus else None,
        "bounds": bounds(view, focus),
        "links": view.links,
        "crs": pair(view.crs_text),
        "parcels": entries(view.parcels, label_point),
        "columns": columns([parcel.record if parcel else None for parcel in shown], view.names),
        "cards": packed([_card(view, parcel, forced) if parcel else None for parcel in shown]),
        "pieces": [[_piece(parcel.record, piece) for piece in parcel.pieces] if parcel else [] for parcel in shown],
        "layers": [details(leaf) for leaf in leaves(view)],
        "sources": [
            {
                "title": pair(layer.spec.title),
                "edition": layer.edition,
                "words": " · ".join(filter(None, (layer.attribution, layer.licence))),
                "synthetic": layer.synthetic,
            }
            for layer in view.layers
        ],
    }


def _card(view: MapView, parcel: MapParcel, forced: bool) -> Json:
    return card(
        parcel.record,
        forced=forced,
        land_use=parcel.land_use,
        zone_name=parcel.zone_name,
        layer_titles=view.layer_titles,
        names=view.names,
    )


def _piece(record: Record, piece: MapPiece) -> Json:
    findings = [*record["assessments"], *record["constraints"]]
    finding = next((found for found in findings if found["code"] == piece.code), None)
    title = title_of(finding, {}) if finding else both(piece.code)
    part = next((part for part in (finding or {}).get("parts", ()) if part["class"] == piece.cls), None)
    if part is not None and part.get("title"):
        what: Text | None = Text(part["title"]["zh"], part["title"]["en"])
    elif piece.role == "uncovered":
        what = Text("范围外", "outside")
    else:
        what = both(piece.cls) if piece.cls else None
    return {
        "code": piece.code,
        "title": pair(joined([title, None if what == title else what], " ")),
        "area": pair(square_metres(piece.area_m2)),
        "geometry": rounded(piece.geometry),
    }
