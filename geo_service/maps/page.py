"""A whole page: the drawn map, the data beside it, and the scripts and the style sheet that are ours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

from geo_service.maps import labels
from geo_service.maps.board import columns, entry, items, neighbour
from geo_service.maps.comparing import compared
from geo_service.maps.draw import bounds, details, draw, leaves
from geo_service.maps.offline import Drawn, inline_script, inline_style, render_offline
from geo_service.maps.pack import packed, script_json
from geo_service.maps.panel import panel
from geo_service.maps.rows import Json, pair
from geo_service.maps.scene import MapParcel, MapView
from geo_service.maps.sheet.paper import MOST_LAYERS
from geo_service.model.text import Text

#: What every page has, then what a page with one map and a panel has, in the order in which they must be read.
FRAME = ("words", "data", "paint")
PANEL = ("filter", "parcels", "evidence", "panel", "pointer", "controls", "layers", "basemap")
WORKBENCH = (*FRAME, *PANEL, "list", "search", "address", "asof", "claim", "printing", "keys", "workbench")
CHECK = (*FRAME, *(name for name in PANEL if name != "pointer"), "asof", "check", "keys")
COMPARE = (*FRAME, "asof", "compare")
_OWN_STYLE = "page/page.css"
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


def page(view: MapView, focus: MapParcel | None, *, single_file: bool, nonce: str | None, older: Json | None) -> str:
    """Write the page of all parcels; ``focus`` makes it the page of one parcel.

    ``older`` says that the record shown is not the present one: the ``digest`` of a link,
    whether its record was ``kept`` and is shown, and the ``present`` verdict in words.
    """
    return framed(
        "workbench",
        view,
        [render_offline(draw(view, focus))],
        workbench_data(view, focus, single_file=single_file) | {"older": older},
        WORKBENCH,
        single_file=single_file,
        nonce=nonce,
        heading=Text(f"{focus.id} · ", f"{focus.id} · ") + view.title if focus else view.title,
        kind="parcel" if focus else "zone",
        focus=focus,
        forced=labels.FORCED if focus and _forced(view, focus) else None,
    )


def check(view: MapView, *, crs: Sequence[tuple[str, Text]], nonce: str | None) -> str:
    """Write the page that checks boundaries from outside; ``crs`` are the ones that may be named, with their words."""
    return framed(
        "check",
        view,
        [render_offline(draw(view))],
        workbench_data(view, None, single_file=False)
        | {"kind": "check", "older": None, "crsChoices": [[code, pair(words)] for code, words in crs]},
        CHECK,
        single_file=False,
        nonce=nonce,
        heading=Text("界址核查 · ", "Check a boundary · ") + view.title,
        kind="check",
    )


def compare(view: MapView, shown: Sequence[MapParcel], *, nonce: str | None) -> str:
    """Write the page of some parcels side by side; ``view`` is what is drawn around them."""
    places = [next(index for index, parcel in enumerate(view.parcels) if parcel.id == one.id) for one in shown]
    numbers = " · ".join(dict.fromkeys(one.id for one in shown))
    return framed(
        "compare",
        view,
        [render_offline(draw(view, view.parcels[place], f"_{number}")) for number, place in enumerate(places)],
        {
            "kind": "compare",
            "links": True,
            "asOf": {"chosen": view.as_of, "fallback": view.fallback, "today": view.today},
            "places": places,
            "parcels": _listed(view),
            "columns": columns([parcel.record for parcel in view.parcels], view.names),
            "cards": None,
            "compared": compared(shown, view.names),
        },
        COMPARE,
        single_file=False,
        nonce=nonce,
        heading=Text(f"比较 {numbers} · ", f"Compare {numbers} · ") + view.title,
        kind="compare",
    )


def framed(
    name: str,
    view: MapView,
    drawn: Sequence[Drawn],
    data: Json,
    scripts: Sequence[str],
    *,
    single_file: bool,
    nonce: str | None,
    heading: Text,
    **more: object,
) -> str:
    """Write a page from its template, its maps, its data and its scripts."""
    return _TEMPLATES.get_template(f"{name}.html").render(
        view=view,
        heading=heading,
        zones=_zones(view),
        synthetic=labels.SYNTHETIC,
        policy=FILE_POLICY if single_file else None,
        nonce=nonce,
        map_html=Markup("".join(one.html for one in drawn)),  # noqa: S704 - by the map library from names of ours
        maps=[Markup(one.html) for one in drawn],  # noqa: S704 - by the map library from names of ours
        map_script=Markup("\n".join(one.script for one in drawn)),  # noqa: S704 - its data have <, > and & escaped
        data=Markup(script_json(data)),  # noqa: S704 - escaped by script_json
        **_assets(drawn, [f"page/{script}.js" for script in scripts], single_file),
        **{"forced": None, "focus": None, "kind": name} | more,
    )


def _zones(view: MapView) -> Text:
    found = {zone: parcel.zone_name for parcel in view.parcels if (zone := parcel.record["parcel"]["zone"])}
    names = [" ".join(filter(None, (found[zone], zone))) for zone in sorted(found)]
    if len(names) == 1:
        return Text(f"开发区 {names[0]}", f"Zone {names[0]}")
    listed = "、".join(names)
    return Text(f"{len(names)} 个开发区：{listed}", f"{len(names)} zones: {listed}") if names else Text("", "")


def _assets(drawn: Sequence[Drawn], scripts: Sequence[str], single_file: bool) -> dict[str, list[Markup] | list[str]]:
    libraries = list(dict.fromkeys(path for one in drawn for path in one.scripts))
    styles = [*dict.fromkeys(path for one in drawn for path in one.styles), _OWN_STYLE]
    inlined: dict[str, list[Markup] | list[str]] = {
        "inline_libraries": [Markup(inline_script(path)) for path in libraries],  # noqa: S704 - vendored files
        "inline_scripts": [Markup(inline_script(path)) for path in scripts],  # noqa: S704 - files of ours
        "inline_styles": [Markup(inline_style(path)) for path in styles],  # noqa: S704 - files of ours
    }
    linked: dict[str, list[Markup] | list[str]] = {
        "linked_libraries": libraries,
        "linked_scripts": list(scripts),
        "linked_styles": styles,
    }
    chosen, other = (inlined, linked) if single_file else (linked, inlined)
    return chosen | {key: [] for key in other}


def _forced(view: MapView, focus: MapParcel) -> bool:
    # A page that stands alone is part of a package, and a package of such a parcel is only made by force.
    return not view.links and focus.record["verdict"]["status"] in ("not_ready", "undetermined")


def _listed(view: MapView) -> list[Json]:
    own = [entry(parcel, view.names) for parcel in view.parcels]
    return own + [neighbour(parcel) for parcel in view.around]


def workbench_data(view: MapView, focus: MapParcel | None, *, single_file: bool) -> Json:
    """Lay out the data of a page with all parcels.

    A file that stands alone has the findings of all parcels in it; a served page asks for those of a parcel when it is
    chosen, but for the one that it opens with.
    """
    forced = focus is not None and _forced(view, focus)
    there = [
        panel(parcel, view.names, view.layer_titles, forced=forced) if single_file or focus else None
        for parcel in view.parcels
    ]
    return {
        "kind": "parcel" if focus else "zone",
        "focus": view.parcels.index(focus) if focus else None,
        "bounds": bounds(view, focus),
        "links": view.links,
        "claims": view.claims,
        "asOf": {"chosen": view.as_of, "fallback": view.fallback, "today": view.today},
        "dataUntil": view.data_until,
        "basemaps": list(view.basemaps),
        "mostLayers": MOST_LAYERS,
        "crs": pair(view.crs_text),
        "items": items([parcel.record for parcel in view.parcels], view.names),
        "parcels": _listed(view),
        "columns": columns([parcel.record for parcel in view.parcels], view.names),
        "cards": packed([part and part["card"] for part in there]) if any(there) else None,
        "pieces": [part["pieces"] if part else [] for part in there],
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
