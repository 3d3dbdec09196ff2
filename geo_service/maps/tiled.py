"""The page of very many parcels: the same panel beside a map that is drawn from vector tiles."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from markupsafe import Markup

from geo_service.maps import labels
from geo_service.maps.listing import NOT_YET, UNASSESSED, Box
from geo_service.maps.offline import Drawn, render_offline
from geo_service.maps.outstanding import MOST_ROWS
from geo_service.maps.page import FRAME, framed
from geo_service.maps.rows import Json, pair
from geo_service.maps.scene import MapView
from geo_service.maps.sheet.paper import MOST_LAYERS
from geo_service.maps.signs import STATUS_SIGN
from geo_service.model.catalogue import LayerSpec

if TYPE_CHECKING:
    import folium

#: A page holds so many parcels itself; so many more are drawn from tiles by the usual library, and beyond by WebGL.
INLINE_MOST, CANVAS_MOST = 5_000, 20_000
_SHARED = (*FRAME, "panel", "asof", "printing", "tiles")
CANVAS_SCRIPTS = (*_SHARED, "evidence", "controls", "canvas", "basemap", "tiled")
GL_SCRIPTS = (*_SHARED, "gl", "basemap", "tiled")
GL = "maplibre-gl"


class Engine(StrEnum):
    """What draws the tiles."""

    CANVAS = "canvas"
    GL = "gl"


@dataclass(frozen=True, eq=False)
class TiledLayer:
    """A layer whose tiles may be shown beside the parcels."""

    spec: LayerSpec
    edition: str
    count: int
    credit: str


def engine_for(count: int) -> Engine:
    """Return what draws so many parcels.

    Examples
    --------
    >>> engine_for(20_000).value, engine_for(20_001).value
    ('canvas', 'gl')
    """
    return Engine.CANVAS if count <= CANVAS_MOST else Engine.GL


def tiled_page(
    view: MapView,
    layers: tuple[TiledLayer, ...],
    box: Box | None,
    count: int,
    engine: Engine,
    *,
    parcels_layer: str,
    nonce: str | None,
) -> str:
    """Write the page.

    Parameters
    ----------
    view : MapView
        Title, dates and words; its parcels and layers are not drawn.
    box : tuple of float, optional
        Where the parcels lie: west, south, east and north in degrees.
    count : int
        How many parcels there are.
    parcels_layer : str
        What the layer of parcels is called in their tiles.
    """
    canvas = engine is Engine.CANVAS
    drawn = render_offline(_map(box)) if canvas else Drawn((), (f"{GL}/maplibre-gl.css",), _PLACE, "")
    return framed(
        "tiled",
        view,
        [drawn],
        _data(view, layers, box, count, engine, parcels_layer),
        CANVAS_SCRIPTS if canvas else GL_SCRIPTS,
        single_file=False,
        nonce=nonce,
        heading=view.title,
        kind="zone",
        engine=engine.value,
    )


_PLACE = Markup('<div class="folium-map" id="map_main"></div>')


def _map(box: Box | None) -> folium.Map:
    import folium

    centre = [(box[1] + box[3]) / 2, (box[0] + box[2]) / 2] if box else [0.0, 0.0]
    drawing = folium.Map(
        location=centre, zoom_start=12 if box else 2, tiles=None, zoom_control=False, attribution_control=False,
        max_zoom=22, prefer_canvas=True,
    )  # fmt: skip
    # The library names elements at random; the page's scripts look for this one.
    drawing._id = "main"
    return drawing


def _data(
    view: MapView, layers: tuple[TiledLayer, ...], box: Box | None, count: int, engine: Engine, parcels_layer: str
) -> Json:
    return {
        "kind": "zone",
        "engine": engine.value,
        "focus": None,
        "bounds": None if box is None else [[box[1], box[0]], [box[3], box[2]]],
        "links": True,
        "claims": False,
        "asOf": {"chosen": view.as_of, "fallback": view.fallback, "today": view.today},
        "dataUntil": view.data_until,
        "basemaps": list(view.basemaps),
        "crs": pair(view.crs_text),
        "count": count,
        "mostRows": MOST_ROWS,
        "mostLayers": MOST_LAYERS,
        "parcels": parcels_layer,
        "statuses": [
            *(
                {"status": status, "sign": sign.value, "words": pair(labels.STATUS[status])}
                for status, sign in STATUS_SIGN.items()
            ),
            {"status": NOT_YET, "sign": "unassessed", "words": pair(UNASSESSED)},
        ],
        "layers": [
            {
                "id": layer.spec.id,
                "title": pair(layer.spec.title),
                "edition": layer.edition,
                "color": layer.spec.color,
                "zone": layer.spec.group == "zone",
                "count": layer.count,
                "credit": layer.credit,
                "fields": {field.name: pair(field.title) for field in layer.spec.fields if not field.private},
                "codes": {
                    field.name: {code: [said.zh, said.en] for code, said in field.codes.items()}
                    for field in layer.spec.fields
                    if field.codes and not field.private
                },
            }
            for layer in layers
        ],
    }
