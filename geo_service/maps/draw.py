"""The map itself, drawn by folium: parcels, layers in a tree, surveyed extents. No tiles, no outside address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from geo_service.engine.zones import APPLIED
from geo_service.maps import labels
from geo_service.maps.rows import Json, pair
from geo_service.maps.safe import safe_text
from geo_service.maps.scene import MapLayer, MapParcel, MapView, Neighbour
from geo_service.maps.signs import title_of
from geo_service.model.catalogue import FieldSpec, FieldType, GeometryKind
from geo_service.model.text import Text

if TYPE_CHECKING:
    # Takes a third of the time in which the service starts; it is there when the first map is drawn.
    import folium
    from branca.element import Element

DEGREES = 7
ZONES, CONTEXT = "zone", "context"
_INK = "#1B242B"
# Zones whatever their layer is called, and layers with a sign of their own; the rest is drawn in its catalogue colour.
_ZONE: Json = {"color": _INK, "weight": 2.2, "dash_array": "14 4 2.5 4", "fill": False}
_APPLIED: Json = {"color": _INK, "weight": 1.6, "dash_array": "4 4", "fill": False}
_SIGNS: dict[str, Json] = {
    "farmland": {"color": "#5E6B3F", "weight": 1.4, "fill_color": "url(#h-farmland)", "fill_opacity": 1},
}
_EXTENT = {"color": "#7B8790", "weight": 1, "dash_array": "7 4", "fill_color": "url(#h-extent)", "fill_opacity": 1}


@dataclass(frozen=True, slots=True)
class Leaf:
    """One entry of the layer tree: a layer, or the part of it that speaks of one assessment.

    ``key`` names it in an address; ``applied``: versions of zones that somebody asked for and nobody has approved.
    """

    key: str
    title: Text
    layer: MapLayer
    rows: tuple[int, ...]
    applied: bool = False


def rounded(geometry: BaseGeometry) -> Json:
    """Write a geometry as GeoJSON with 7 decimals of a degree, about a centimetre."""

    def shorter(part: Any) -> Any:
        if isinstance(part, float):
            return round(part, DEGREES)
        return [shorter(child) for child in part]

    written = mapping(geometry)
    if written["type"] == "GeometryCollection":
        parts = [part for part in geometry.geoms if not part.is_empty]
        return {"type": "GeometryCollection", "geometries": [rounded(part) for part in parts]}
    return {"type": written["type"], "coordinates": shorter(written["coordinates"])}


def label_point(parcel: MapParcel | Neighbour) -> tuple[float, float]:
    """Point (lon, lat) inside a parcel where its label stands: the centroid, else where there is most room around."""
    centre = parcel.geometry.centroid
    if parcel.geometry.contains(centre):
        return centre.x, centre.y
    # Labels are about three times as wide as high, and a degree of longitude is shorter than one of latitude.
    squeezed = shapely.transform(parcel.geometry, lambda points: points * (0.3, 1.0))
    west, south, east, north = squeezed.bounds
    point = shapely.get_point(shapely.maximum_inscribed_circle(squeezed, max(east - west, north - south) / 200), 0)
    return point.x / 0.3, point.y


def bounds(view: MapView, focus: MapParcel | None) -> list[list[float]] | None:
    """South-west and north-east corner ``[lat, lon]`` of what the page opens on, ``None`` when nothing is there."""
    shown = [focus.geometry] if focus else [parcel.geometry for parcel in view.parcels]
    if not shown:
        shown = [geometry for layer in view.layers for _, geometry, _ in layer.features]
    if not shown:
        return None
    west, south, east, north = (float(value) for value in shapely.total_bounds(shapely.from_wkb(shapely.to_wkb(shown))))
    return [[south, west], [north, east]]


def leaves(view: MapView) -> list[Leaf]:
    """List the entries of the layer tree.

    A layer of assessments' scopes is one entry an assessment; zones applied for stand apart from the approved ones.
    """
    titles: dict[str, Text] = {}
    for parcel in view.parcels:
        for finding in parcel.record["assessments"]:
            code = finding["code"]
            titles.setdefault(code, view.names.short.get(code) or title_of(finding, {}))
    found = []
    for layer in view.layers:
        codes = [properties.get("code") for _, _, properties in layer.features]
        everything = tuple(range(len(layer.features)))
        if layer.spec.group == ZONES:
            found += _zone_leaves(layer)
            continue
        named = {code for code in codes if code}
        if not named or not named <= titles.keys():
            found.append(Leaf(layer.spec.id, layer.spec.title, layer, everything))
            continue
        for code, title in titles.items():
            rows = tuple(row for row in everything if codes[row] == code)
            if rows:
                found.append(Leaf(f"{layer.spec.id}.{code}", title, layer, rows))
    return found


def _zone_leaves(layer: MapLayer) -> list[Leaf]:
    status = layer.spec.field("version_status")
    word = status.codes.get(APPLIED) if status else None
    asked_for = {row for row, (_, _, values) in enumerate(layer.features) if values.get("version_status") == APPLIED}
    rest = tuple(row for row in range(len(layer.features)) if row not in asked_for)
    found = [Leaf(layer.spec.id, layer.spec.title, layer, rest)]
    if asked_for:
        words = Text(f"（{word.zh}）", f" ({word.en})") if word else Text("", "")
        found.append(
            Leaf(f"{layer.spec.id}.{APPLIED}", layer.spec.title + words, layer, tuple(sorted(asked_for)), applied=True)
        )
    return found


def details(leaf: Leaf) -> Json:
    """Say what a click on a feature of this entry shows: its id and its public attributes in words.

    ``ground`` and ``cased`` ask the script for a paler ground and a white casing; ``credit`` is to be read on the map
    while the entry is drawn; ``area`` (square degrees) puts the legend in order; ``fill`` is the full strength of its
    ground.
    """
    shown = [spec for spec in leaf.layer.spec.fields if not spec.private and spec.name != "id"]
    features = []
    for row in leaf.rows:
        name, _, properties = leaf.layer.features[row]
        facts = [
            [pair(spec.title), pair(_value(spec, properties[spec.name]))]
            for spec in shown
            if properties.get(spec.name) not in (None, "")
        ]
        features.append({"id": name, "facts": facts})
    layer, zone = leaf.layer, leaf.layer.spec.group == ZONES
    style = _style(leaf)
    return {
        "key": leaf.key,
        "title": pair(leaf.title),
        "edition": layer.edition,
        "area": round(float(sum(layer.features[row][1].area for row in leaf.rows)), 9),
        "fill": style.get("fill_opacity", 0),
        "features": features,
        "outline": style.get("fill") is False,
        "cased": zone,
        "ground": zone and not leaf.applied,
        "credit": "" if layer.synthetic else " · ".join(filter(None, (layer.attribution, layer.licence))),
    }


def _value(spec: FieldSpec, value: Any) -> Text:
    if isinstance(value, Text):
        return value
    code = spec.codes.get(str(value))
    if code is not None:
        return Text(code.zh, code.en)
    if spec.type is FieldType.BOOLEAN:
        return Text("是", "yes") if str(value).lower() == "true" else Text("否", "no")
    return Text(f"{value}{spec.unit}", f"{value} {spec.unit}".rstrip())


def _named(element: Element, name: str, suffix: str = "") -> Element:
    # The library names elements at random; the page must be the same bytes for the same view.
    element._id = name + suffix
    return element


def _collection(features: Iterable[tuple[BaseGeometry, Json]]) -> Json:
    return {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": properties, "geometry": rounded(geometry)}
            for geometry, properties in features
        ],
    }


def _points(leaf: Leaf) -> bool:
    kinds = {leaf.layer.features[row][1].geom_type for row in leaf.rows}
    return bool(kinds) and kinds <= {"Point", "MultiPoint"}


def _style(leaf: Leaf) -> Json:
    spec = leaf.layer.spec
    if spec.group == ZONES:
        return _APPLIED if leaf.applied else _ZONE
    if spec.id in _SIGNS:
        return _SIGNS[spec.id]
    if _points(leaf):
        return {"color": spec.color, "weight": 1.4, "fill_color": spec.color, "fill_opacity": 0.6}
    if spec.group == CONTEXT:
        return {"color": spec.color, "weight": 1.4, "fill": False}
    if spec.geometry is GeometryKind.LINE:
        return {"color": spec.color, "weight": 2, "fill": False}
    return {"color": spec.color, "weight": 1.8, "fill_color": spec.color, "fill_opacity": 0.14}


def _shown_at_first(leaf: Leaf) -> bool:
    # A whole zone's pipes and cables would hide the parcels; they are switched on where they are wanted.
    return leaf.layer.spec.group == ZONES


def _swatch(leaf: Leaf) -> str:
    style = _style(leaf)
    stroke = f'stroke="{style["color"]}" stroke-width="{style["weight"]}"'
    dash = f' stroke-dasharray="{style["dash_array"]}"' if "dash_array" in style else ""
    if style.get("fill") is False:
        shape = f'<path d="M1 7H23" fill="none" {stroke}{dash}/>'
    else:
        fill = f'fill="{style["fill_color"]}" fill-opacity="{style["fill_opacity"]}"'
        box = f'<rect x="1" y="1" width="22" height="12" {fill} {stroke}{dash}/>'
        shape = f'<circle cx="12" cy="7" r="4" {fill} {stroke}/>' if _points(leaf) else box
    return f'<svg class="swatch" width="24" height="14" viewBox="0 0 24 14" aria-hidden="true">{shape}</svg>'


def _words(text: Text) -> str:
    zh, en = safe_text(text.zh), safe_text(text.en)
    return f'<span class="zh">{zh}</span><span class="en" lang="en">{en}</span>'


def draw(view: MapView, focus: MapParcel | None = None, suffix: str = "") -> folium.Map:
    """Draw parcels and layers; colours of parcels, panel and search are the page script's.

    A page of several maps gives each a ``suffix``, which ends all its names; these maps have no tree of layers.

    The script finds the map as ``map_main``, the parcels as ``geo_json_parcels`` (property ``i`` = index in the view,
    those around behind the others)
    and the entries of the tree as ``geo_json_layer_<n>`` (property ``f`` = index in the entry).
    """
    import folium
    from folium.map import CustomPane
    from folium.plugins import TreeLayerControl

    box = bounds(view, focus)
    centre = [(box[0][0] + box[1][0]) / 2, (box[0][1] + box[1][1]) / 2] if box else [0.0, 0.0]
    # maxZoom must be given because without a tile layer nothing else says it.
    drawing = folium.Map(
        location=centre,
        zoom_start=14 if box else 2,
        tiles=None,
        zoom_control=False,
        attribution_control=False,
        max_zoom=22,
        zoom_snap=0.25,
        zoom_delta=0.5,
    )
    _named(drawing, "main", suffix)
    for name, level in (("context", 350), ("areas", 450), ("lines", 460)):
        _named(CustomPane(name, z_index=level), name, suffix).add_to(drawing)
    outlines = [*(parcel.geometry for parcel in view.parcels), *(other.geometry for other in view.around)]
    parcels = _collection((outline, {"i": index}) for index, outline in enumerate(outlines))
    _named(folium.GeoJson(parcels, control=False, smooth_factor=0.5), "parcels", suffix).add_to(drawing)
    tree = _tree(drawing, view, leaves(view), box, suffix)
    if tree and not suffix:
        control = TreeLayerControl(overlay_tree=tree, collapsed=False, closed_symbol="▸", opened_symbol="▾")
        _named(control, "tree").add_to(drawing)
    return drawing


def _tree(
    drawing: folium.Map,
    view: MapView,
    found: Sequence[Leaf],
    box: Sequence[Sequence[float]] | None,
    suffix: str,
) -> list[Json]:
    groups: dict[str, list[Json]] = {}
    extents: list[Json] = []
    for index, leaf in enumerate(found):
        spec = leaf.layer.spec
        style = _style(leaf)
        lack = "" if leaf.rows else f'<span class="lack">{_words(Text("此处无要素", "no features here"))}</span>'
        node: Json = {
            "label": f'<span class="leaf" data-layer="{index}">{_swatch(leaf)}{_words(leaf.title)}{lack}</span>'
        }
        if leaf.rows:
            features = [leaf.layer.features[row] for row in leaf.rows]
            # What only helps to find one's way never lies over a parcel.
            pane = CONTEXT if spec.group == CONTEXT else "lines" if style.get("fill") is False else "areas"
            node["layer"] = _geojson(
                _collection((geometry, {"f": place}) for place, (_, geometry, _) in enumerate(features)),
                f"layer_{index}{suffix}",
                style | {"pane": pane, "interactive": False},
                show=_shown_at_first(leaf),
            )
            node["layer"].add_to(drawing)
        groups.setdefault(spec.group, []).append(node)
    if box is not None and not suffix:
        for index, layer in enumerate(view.layers):
            if layer.extent is not None:
                extents.append(_outside(drawing, layer, index, box))
    tree = [
        {"label": _words(labels.GROUP.get(group, Text(group, group))), "selectAllCheckbox": True, "children": nodes}
        for group, nodes in sorted(groups.items(), key=lambda entry: _place(entry[0]))
    ]
    if extents:
        tree.append({"label": _words(labels.EXTENTS), "selectAllCheckbox": True, "children": extents})
    return tree


def _place(group: str) -> int:
    known = list(labels.GROUP)
    return known.index(group) if group in known else len(known)


def _outside(drawing: folium.Map, layer: MapLayer, index: int, box: Sequence[Sequence[float]]) -> Json:
    (south, west), (north, east) = box
    wide, high = max(east - west, 0.01), max(north - south, 0.01)
    around = shapely.box(west - wide, south - high, east + wide, north + high)
    ground = _geojson(
        _collection([(around.difference(layer.extent), {})]),
        f"extent_{index}",
        _EXTENT | {"pane": "areas", "interactive": False},
        show=False,
    )
    ground.add_to(drawing)
    swatch = (
        '<svg class="swatch" width="24" height="14" viewBox="0 0 24 14" aria-hidden="true">'
        '<rect x="1" y="1" width="22" height="12" fill="url(#h-extent)" stroke="#7B8790" stroke-dasharray="4 3"/></svg>'
    )
    return {
        "label": f'<span class="leaf" data-extent="{index}">{swatch}{_words(layer.spec.title)}</span>',
        "layer": ground,
    }


def _geojson(data: Mapping[str, Any], name: str, options: Json, *, show: bool) -> folium.GeoJson:
    import folium

    circle = folium.CircleMarker(radius=4, **{key: value for key, value in options.items() if key != "dash_array"})
    element = folium.GeoJson(data, control=False, show=show, smooth_factor=0.5, marker=circle, **options)
    _named(element, name)
    return element
