"""The map of a sheet: parcels, layers and evidence in the working CRS, drawn to scale, and the legend of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import shapely
from markupsafe import Markup
from shapely.geometry.base import BaseGeometry

from geo_service.maps import labels
from geo_service.maps.draw import CONTEXT, ZONES, Leaf, leaves
from geo_service.maps.rows import Finding, joined, square_metres
from geo_service.maps.scene import MapParcel, MapPiece, MapView
from geo_service.maps.sheet import signs
from geo_service.maps.sheet.lettering import LINE_MM, Spot, Taken, block, roomiest
from geo_service.maps.sheet.paper import Frame, round_length, steps
from geo_service.maps.sheet.svg import TEXT_MM, drawn, number, picture, text, width_mm
from geo_service.maps.signs import STATUS_SIGN, Sign, sign_of, title_of
from geo_service.model.catalogue import GeometryKind
from geo_service.model.text import Text
from geo_service.model.units import grouped, mu

INFRASTRUCTURE = "infrastructure"
SHOWN_GROUPS = frozenset({ZONES, CONTEXT, INFRASTRUCTURE})
_GRID_MM = 30.0
_FRAME: dict[str, str | float] = {"fill": "none", "stroke": signs.INK, "stroke_width": 0.4}
_CROSS_MM = 2.0
# Lettering of the parcel the sheet is about.
OWN_MM = 3.7
_MARK_MM = 2.3
# Evidence that is the whole parcel says nothing about where; the table says that it is the whole.
_WHOLE = 0.98
# Outlines of the same ground, computed in two ways, differ by no more than this share of it.
_ALIKE = 1e-5
NOTHING = Markup("")


@dataclass(frozen=True, eq=False)
class Entry:
    """One line of the legend; ``layer`` is the id of the layer it stands for."""

    swatch: Markup
    words: Text
    layer: str = ""


@dataclass(frozen=True, eq=False)
class Plan:
    """A drawn map with its legend."""

    picture: Markup
    legend: tuple[Entry, ...]
    frame: Frame


@dataclass(frozen=True, eq=False)
class _Evidence:
    """One piece of ground on paper, with everything that rests on it."""

    ground: BaseGeometry
    area_m2: float
    words: Text


def plan(
    view: MapView,
    focus: MapParcel | None,
    frame: Frame,
    language: str,
    layers: frozenset[str] | None,
    under: Markup = NOTHING,
) -> Plan:
    """Draw the map.

    Parameters
    ----------
    view : MapView
        Geometry in metres of the working CRS.
    focus : MapParcel, optional
        The parcel the sheet is about: outlined, with its evidence.
    language : str
        ``zh`` or ``en``.
    layers : frozenset of str, optional
        Ids of layers to draw; else boundaries of zones, infrastructure and what helps to find one's way.
    under : Markup
        What lies under everything.
    """
    seen = shapely.box(0.0, 0.0, frame.width_mm, frame.height_mm)
    grounds = [(parcel, shapely.intersection(frame.on_paper(parcel.geometry), seen)) for parcel in view.parcels]
    on_sheet = [(parcel, ground) for parcel, ground in grounds if ground.area > 0]
    proofs = _evidence(focus, frame, seen) if focus else []
    shown = [(leaf, place, _on_paper(leaf, frame)) for leaf, place in _chosen_leaves(view, layers)]
    shown = [(leaf, place, parts) for leaf, place, parts in shown if any(part.intersects(seen) for part in parts)]
    taken = Taken()
    below = [entry for entry in shown if entry[0].layer.spec.group == CONTEXT or _is_ground(entry[0])]
    above = [entry for entry in shown if entry not in below]
    # Where the approved boundary and the one applied for run together, the approved one is seen.
    above.sort(key=lambda entry: (entry[0].layer.spec.group == ZONES, not entry[0].applied))
    grid_m = round_length(_GRID_MM * frame.m_per_mm)
    measures = _measures(frame, taken)
    grid, edge_labels = _grid(frame, grid_m, language, taken)
    marks = _marks(proofs, taken)
    names = _names(on_sheet, focus, proofs, language, taken)
    parts = [
        Markup('<clipPath id="frame">{}</clipPath><g clip-path="url(#frame)" stroke-linecap="butt">').format(
            drawn(seen)
        ),
        drawn(seen, fill=signs.WHITE),
        under,
        *_layers(below),
        *(signs.verdict(_sign(parcel))(frame.on_paper(parcel.geometry)) for parcel, _ in on_sheet),
        *_layers(above),
        *(signs.evidence(proof.ground) for proof in proofs),
        signs.chosen(frame.on_paper(focus.geometry)) if focus else Markup(""),
        grid,
        *names,
        *marks,
        *edge_labels,
        *measures,
        Markup("</g>"),
        drawn(shapely.box(0.2, 0.2, frame.width_mm - 0.2, frame.height_mm - 0.2), **_FRAME),
    ]
    name = "地图" if language == "zh" else "Map"
    entries = [
        *_verdict_entries(on_sheet, focus),
        *_evidence_entries(proofs),
        *_layer_entries(shown),
        _grid_entry(grid_m),
    ]
    return Plan(picture(frame.width_mm, frame.height_mm, parts, "plan", name), tuple(entries), frame)


def _sign(parcel: MapParcel) -> Sign:
    return STATUS_SIGN[parcel.record["verdict"]["status"]]


def _chosen_leaves(view: MapView, layers: frozenset[str] | None) -> list[tuple[Leaf, int]]:
    """List the entries to draw, each with its place among those of its kind, whether these are drawn or not."""
    counts: dict[bool, int] = {}
    found = []
    for leaf in leaves(view):
        spec = leaf.layer.spec
        kind = _is_ground(leaf)
        place = counts.get(kind, 0)
        if spec.group != ZONES:
            counts[kind] = place + 1
        if (spec.group in SHOWN_GROUPS) if layers is None else (spec.id in layers or spec.group == ZONES):
            found.append((leaf, place))
    return found


def _is_ground(leaf: Leaf) -> bool:
    spec = leaf.layer.spec
    return spec.group not in (ZONES, CONTEXT) and spec.geometry is GeometryKind.POLYGON


def _on_paper(leaf: Leaf, frame: Frame) -> list[BaseGeometry]:
    """Bring an entry to paper: its areas, its lines, its points, each as one geometry."""
    found: list[BaseGeometry] = []
    geometries = [frame.on_paper(leaf.layer.features[row][1]) for row in leaf.rows]
    parts = shapely.get_parts(shapely.geometrycollections([part for part in geometries if not part.is_empty]))
    single = shapely.get_parts(parts)
    dimensions = shapely.get_dimensions(single)
    for dimension in (2, 1, 0):
        alike = single[dimensions == dimension]
        if len(alike):
            found.append(shapely.geometrycollections(alike))
    return found


def _layers(shown: Iterable[tuple[Leaf, int, list[BaseGeometry]]]) -> list[Markup]:
    return [signs.layer(leaf, place)(part) for leaf, place, parts in shown for part in parts]


def _evidence(focus: MapParcel, frame: Frame, seen: BaseGeometry) -> list[_Evidence]:
    """Gather the ground on which problems of the parcel rest; what several findings share is drawn once."""
    findings = {found["code"]: found for found in [*focus.record["assessments"], *focus.record["constraints"]]}
    groups: list[tuple[MapPiece, list[Text]]] = []
    for piece in focus.pieces:
        finding = findings.get(piece.code)
        if finding is None or piece.area_m2 >= _WHOLE * focus.record["parcel"]["area_m2"]:
            continue
        if sign_of(focus.record, finding) not in (Sign.FAILS, Sign.CONDITION, Sign.NO_DATA):
            continue
        words = _piece_words(finding, piece)
        alike = next((group for group in groups if _same(group[0], piece)), None)
        if alike is None:
            groups.append((piece, [words]))
        elif words not in alike[1]:
            alike[1].append(words)
    groups.sort(key=lambda group: -group[0].area_m2)
    found = []
    for piece, said in groups:
        words = said[0] if len(said) == 1 else said[0] + Text(f"等 {len(said)} 项", f" and {len(said) - 1} more")
        ground = shapely.intersection(frame.on_paper(piece.geometry), seen)
        if not ground.is_empty:
            found.append(_Evidence(ground, piece.area_m2, joined([words, square_metres(piece.area_m2)], " ")))
    return found


def _same(one: MapPiece, other: MapPiece) -> bool:
    """Tell whether two pieces are the same ground, whatever points their outlines have."""
    if abs(one.area_m2 - other.area_m2) > _ALIKE * one.area_m2:
        return False
    return bool(shapely.symmetric_difference(one.geometry, other.geometry).area <= _ALIKE * one.area_m2)


def _piece_words(finding: Finding, piece: MapPiece) -> Text:
    title = title_of(finding, {})
    if piece.role == "uncovered":
        return title + Text("范围外", ": outside")
    part = next((part for part in finding.get("parts", ()) if part["class"] == piece.cls), None)
    name = Text(part["title"]["zh"], part["title"]["en"]) if part and part.get("title") else None
    return title if name is None or name == title else joined([title, name], " ")


def _grid(frame: Frame, step_m: float, language: str, taken: Taken) -> tuple[Markup, list[Markup]]:
    """Draw the kilometre grid as crosses, eastings written along the lower edge and northings along the left one."""
    west, south, east, north = frame.ground
    eastings, northings = steps(west, east, step_m), steps(south, north, step_m)
    crosses, written = [], []
    for x_m in eastings:
        x = (x_m - west) / frame.m_per_mm
        crosses += [f"M{number(x)} {number(frame.height_mm)}v-{_CROSS_MM}", f"M{number(x)} 0v{_CROSS_MM}"]
        for y_m in northings:
            y = (north - y_m) / frame.m_per_mm
            crosses.append(f"M{number(x - _CROSS_MM)} {number(y)}h{2 * _CROSS_MM}")
            crosses.append(f"M{number(x)} {number(y - _CROSS_MM)}v{2 * _CROSS_MM}")
        spot = (x, frame.height_mm - _CROSS_MM - LINE_MM / 2)
        written += _edge_label(spot, _kilometres(x_m, step_m, "东" if language == "zh" else "E "), frame, taken)
    for y_m in northings:
        y = (north - y_m) / frame.m_per_mm
        crosses += [f"M0 {number(y)}h{_CROSS_MM}", f"M{number(frame.width_mm)} {number(y)}h-{_CROSS_MM}"]
        words = _kilometres(y_m, step_m, "北" if language == "zh" else "N ")
        written += _edge_label((_CROSS_MM + 0.8 + width_mm(words) / 2, y), words, frame, taken)
    data = "".join(crosses)
    drawing = Markup('<path d="{0}" fill="none" stroke="{1}" stroke-width="0.6"/>').format(data, signs.WHITE)
    return drawing + Markup('<path d="{0}" fill="none" stroke="{1}" stroke-width="0.2"/>').format(
        data, signs.INK
    ), written


def _kilometres(value_m: float, step_m: float, axis: str) -> str:
    decimals = 0 if step_m >= 1000 else 1 if step_m >= 100 else 2
    return f"{axis}{grouped(value_m / 1000, decimals)}"


def _edge_label(spot: Spot, words: str, frame: Frame, taken: Taken) -> list[Markup]:
    place = block(spot, [words])
    west, top, east, bottom = place.bounds
    inside = west >= 0.5 and east <= frame.width_mm - 0.5 and top >= 0.5 and bottom <= frame.height_mm - 0.5
    if not inside or not taken.free(place):
        return []
    taken.take(place)
    return [_line(spot, words, "grid")]


def _line(spot: Spot, words: str, kind: str) -> Markup:
    return text(spot[0], spot[1] + TEXT_MM * 0.36, words, text_anchor="middle", class_=kind)


def _marks(proofs: Sequence[_Evidence], taken: Taken) -> list[Markup]:
    """Number the evidence; what is too small to bear its number has it beside, on a line."""
    found = []
    for index, proof in enumerate(proofs, start=1):
        x, y = roomiest(proof.ground)
        at = next(spot for spot in _around((x, y)) if taken.free(_disc(spot)) or spot[1] > y + 40)
        taken.take(_disc(at))
        if at != (x, y):
            found.append(drawn(shapely.LineString([(x, y), at]), stroke=signs.EVIDENCE, stroke_width=0.3))
        found.append(
            Markup('<circle cx="{}" cy="{}" r="{}" fill="{}" stroke="{}" stroke-width="0.4"/>').format(
                number(at[0]), number(at[1]), _MARK_MM, signs.WHITE, signs.EVIDENCE
            )
        )
        found.append(_line(at, str(index), "mark"))
    return found


def _around(spot: Spot) -> Iterable[Spot]:
    yield spot
    for far in range(1, 12):
        for x, y in ((1, -1), (-1, -1), (1, 1), (-1, 1)):
            yield spot[0] + 5.0 * far * x, spot[1] + 5.0 * far * y


def _disc(spot: Spot) -> BaseGeometry:
    return shapely.Point(spot).buffer(_MARK_MM + 0.3)


def _names(
    on_sheet: Sequence[tuple[MapParcel, BaseGeometry]],
    focus: MapParcel | None,
    proofs: Sequence[_Evidence],
    language: str,
    taken: Taken,
) -> list[Markup]:
    """Write numbers and areas of parcels where there is room; the parcel of the sheet first, with its name."""
    found: list[Markup] = []
    unit = "亩" if language == "zh" else "mu"
    ordered = sorted(on_sheet, key=lambda entry: (entry[0] is not focus, -entry[1].area, entry[0].id))
    for parcel, ground in ordered:
        facts = parcel.record["parcel"]
        area = f"{grouped(mu(facts['area_m2']), 2 if parcel is focus else 1)} {unit}"
        free = shapely.difference(ground, taken.ground)
        if parcel is focus:
            beside = shapely.difference(free, shapely.union_all([proof.ground for proof in proofs]))
            wide = ground.bounds[2] - ground.bounds[0]
            name = [facts["name"]] if facts["name"] and width_mm(facts["name"], OWN_MM) < wide else []
            rows = [parcel.id, *name, area]
            spot = roomiest(beside if beside.area > 0.3 * ground.area else free if free.area > 0 else ground)
            found += _written(spot, rows, "own", taken)
            continue
        if free.area <= 0:
            continue
        spot = roomiest(free)
        for rows in ([parcel.id, area], [parcel.id]):
            place = block(spot, rows)
            if ground.contains(place) and taken.free(place):
                found += _written(spot, rows, "name", taken)
                break
    return found


def _written(spot: Spot, rows: Sequence[str], kind: str, taken: Taken) -> list[Markup]:
    size = OWN_MM if kind == "own" else TEXT_MM
    taken.take(block(spot, rows, size))
    apart = LINE_MM * size / TEXT_MM
    top = spot[1] - apart * (len(rows) - 1) / 2
    return [_line((spot[0], top + apart * index), row, kind) for index, row in enumerate(rows)]


def _verdict_entries(on_sheet: Sequence[tuple[MapParcel, BaseGeometry]], focus: MapParcel | None) -> list[Entry]:
    there = {parcel.record["verdict"]["status"] for parcel, _ in on_sheet}
    found = []
    if focus is not None:
        words = Text("本地块", "This parcel")
        found.append(Entry(signs.swatch(signs.chosen), words))
    for status, words in labels.STATUS.items():
        if status in there:
            found.append(Entry(signs.swatch(signs.verdict(STATUS_SIGN[status])), words))
    return found


def _evidence_entries(proofs: Sequence[_Evidence]) -> list[Entry]:
    return [
        Entry(signs.swatch(signs.evidence), Text(f"{index} ", f"{index} ") + proof.words)
        for index, proof in enumerate(proofs, start=1)
    ]


def _layer_entries(shown: Sequence[tuple[Leaf, int, list[BaseGeometry]]]) -> list[Entry]:
    found = []
    for leaf, place, parts in shown:
        line = not _is_ground(leaf)
        points = all(shapely.get_dimensions(part) == 0 for part in parts)
        draw = signs.layer(leaf, place)
        sample = signs.point(draw) if points else signs.swatch(draw, line=line)
        found.append(Entry(sample, leaf.title, leaf.layer.spec.id))
    return found


def _grid_entry(step_m: float) -> Entry:
    cross = shapely.MultiLineString([[(2.5, 2.3), (6.5, 2.3)], [(4.5, 0.3), (4.5, 4.3)]])
    words = Text(f"公里网 {step_m / 1000:g} km", f"grid {step_m / 1000:g} km")
    sample = drawn(cross, fill="none", stroke=signs.INK, stroke_width=0.2)
    return Entry(picture(*signs.SWATCH_MM, [sample], "swatch"), words)


def _measures(frame: Frame, taken: Taken) -> list[Markup]:
    """Draw the scale bar and the arrow to grid north on plates of their own; up is grid north on every sheet."""
    length_m = round_length(min(40.0, frame.width_mm / 5) * frame.m_per_mm / 2)
    wide, words = length_m / frame.m_per_mm, f"{grouped(length_m, 0)} m"
    right = wide + width_mm(words) / 2 + 3.0
    bar = [
        drawn(shapely.box(0.0, 5.0, wide / 2, 6.4), fill=signs.INK),
        drawn(shapely.box(0.0, 5.0, wide, 6.4), fill="none", stroke=signs.INK, stroke_width=0.25, class_="length"),
        text(0.0, 3.8, "0", text_anchor="middle", class_="plain"),
        text(wide, 3.8, words, text_anchor="middle", class_="plain"),
    ]
    arrow = shapely.Polygon([(3.0, 4.6), (5.4, 12.6), (3.0, 10.8), (0.6, 12.6)])
    north = [drawn(arrow, fill=signs.INK), text(3.0, 3.6, "N", text_anchor="middle", class_="north")]
    return [
        _plate((frame.width_mm - right - 1.0, frame.height_mm - 8.4), (right, 7.4), bar, taken, inner=2.0),
        _plate((frame.width_mm - 8.0, 1.0), (7.0, 13.4), north, taken, inner=0.5),
    ]


def _plate(corner: Spot, size: tuple[float, float], parts: Sequence[Markup], taken: Taken, *, inner: float) -> Markup:
    place = shapely.box(corner[0], corner[1], corner[0] + size[0], corner[1] + size[1])
    taken.take(place)
    return Markup('{}<g transform="translate({} {})">{}</g>').format(
        drawn(place, fill=signs.WHITE, fill_opacity=0.85),
        number(corner[0] + inner),
        number(corner[1] + 0.2),
        Markup("").join(parts),
    )
