"""How things look on paper: verdicts, evidence, layers. Each has a hatch or a dash of its own beside its colour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import shapely
from markupsafe import Markup
from shapely.geometry.base import BaseGeometry

from geo_service.maps.draw import CONTEXT, ZONES, Leaf
from geo_service.maps.sheet import hatch
from geo_service.maps.sheet.svg import drawn, picture
from geo_service.maps.signs import Sign
from geo_service.model.catalogue import GeometryKind

INK, WHITE, EVIDENCE = "#1B242B", "#FFFFFF", "#7A1F5C"
SWATCH_MM = (9.0, 4.2)
# Of 255 in greyscale: a thin line as light as this still shows on a photocopy.
_DARK = 120.0
Draw = Callable[[BaseGeometry], Markup]


@dataclass(frozen=True, slots=True)
class Paint:
    """How ground of one verdict is drawn; ``dash`` of its outline in mm."""

    fill: str
    line: str
    hatch: str = ""
    dash: str = "none"


VERDICTS = {
    Sign.PASS: Paint("#7DB9DE", "#00476E"),
    Sign.CONDITION: Paint("#F5CD68", "#7A4E00", "lines"),
    Sign.FAILS: Paint("#C76535", "#5E1F00", "net"),
    Sign.NO_DATA: Paint("#ECECEA", "#4A5157", "dots", "1.5 0.9"),
}
# One a kind of line, in the order of the catalogue: dash in mm, width, and whether it is hollow.
_LINES: tuple[tuple[str, float, bool], ...] = (
    ("none", 0.5, False),
    ("3 0.9", 0.5, False),
    ("3 0.8 0.5 0.8", 0.5, False),
    ("none", 1.1, True),
    ("0.5 0.8", 0.5, False),
    ("4.5 0.8 0.5 0.8 0.5 0.8", 0.5, False),
    ("1.3 0.8", 0.8, False),
    ("6 0.9 1.2 0.9", 0.5, False),
    ("2 0.7", 0.8, False),
    ("2.4 0.8", 1.1, True),
    ("0.4 1.4", 0.7, False),
    ("5 0.7 0.5 0.7 1.5 0.7", 0.7, False),
)
# The same for ground: angle of the lines in degrees, and mm between them.
_GROUNDS: tuple[tuple[float, float], ...] = (
    (15.0, 3.2),
    (75.0, 3.2),
    (105.0, 2.2),
    (165.0, 2.2),
    (0.0, 4.2),
    (90.0, 4.2),
)


def verdict(sign: Sign) -> Draw:
    """Return how a parcel of that verdict is drawn."""
    paint = VERDICTS[sign]

    def draw(ground: BaseGeometry) -> Markup:
        return (
            drawn(ground, fill=paint.fill)
            + _hatched(ground, paint)
            + drawn(ground, fill="none", stroke=paint.line, stroke_width=0.4, stroke_dasharray=paint.dash)
        )

    return draw


def _hatched(ground: BaseGeometry, paint: Paint) -> Markup:
    if paint.hatch == "lines":
        return drawn(hatch.lines(ground, 45.0, 2.9), fill="none", stroke=paint.line, stroke_width=0.6)
    if paint.hatch == "net":
        both = (hatch.lines(ground, 45.0, 2.4), hatch.lines(ground, -45.0, 2.4))
        return Markup("").join(drawn(lines, fill="none", stroke=WHITE, stroke_width=0.45) for lines in both)
    if paint.hatch == "dots":
        spots = hatch.dots(ground, 1.85)
        return drawn(spots, fill="none", stroke=paint.line, stroke_width=0.5, stroke_linecap="round")
    return Markup("")


def chosen(ground: BaseGeometry) -> Markup:
    """Draw the outline of the parcel the sheet is about."""
    wide = drawn(ground, fill="none", stroke=WHITE, stroke_width=1.85, stroke_linejoin="round")
    return wide + drawn(ground, fill="none", stroke=INK, stroke_width=0.85, stroke_linejoin="round")


def evidence(ground: BaseGeometry) -> Markup:
    """Draw ground that an outcome rests on."""
    return (
        drawn(ground, fill=WHITE)
        + drawn(hatch.lines(ground, -45.0, 1.6), fill="none", stroke=EVIDENCE, stroke_width=0.5)
        + drawn(ground, fill="none", stroke=EVIDENCE, stroke_width=0.5)
    )


def layer(leaf: Leaf, place: int) -> Draw:
    """Return how a layer is drawn; ``place`` among the layers of its kind gives it its dash or hatch."""
    spec = leaf.layer.spec
    if spec.group == ZONES:
        return _cased("1.2 1" if leaf.applied else "3.7 1 0.6 1", 0.45 if leaf.applied else 0.6)
    if spec.group == CONTEXT or spec.geometry is not GeometryKind.POLYGON:
        return _lined(inked(spec.color), *_LINES[place % len(_LINES)])
    angle, apart = _GROUNDS[place % len(_GROUNDS)]
    colour = inked(spec.color)

    def draw(ground: BaseGeometry) -> Markup:
        inner = drawn(hatch.lines(ground, angle, apart), fill="none", stroke=colour, stroke_width=0.25)
        return inner + drawn(ground, fill="none", stroke=colour, stroke_width=0.5)

    return draw


def inked(colour: str) -> str:
    """Return a colour dark enough to be a thin line on white paper, of the same hue.

    Examples
    --------
    >>> inked("#1B242B"), inked("#F5CB5C")
    ('#1B242B', '#917836')
    """
    parts = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    light = sum(weight * part for weight, part in zip((0.30, 0.59, 0.11), parts, strict=True))
    share = min(1.0, _DARK / light) if light else 1.0
    return "#" + "".join(f"{round(part * share):02X}" for part in parts)


def _cased(dash: str, width: float) -> Draw:
    def draw(line: BaseGeometry) -> Markup:
        casing = drawn(line, fill="none", stroke=WHITE, stroke_width=width + 0.9)
        return casing + drawn(line, fill="none", stroke=INK, stroke_width=width, stroke_dasharray=dash)

    return draw


def _lined(colour: str, dash: str, width: float, hollow: bool) -> Draw:
    def draw(line: BaseGeometry) -> Markup:
        points = shapely.get_dimensions(line) == 0
        if points:
            return drawn(line, fill="none", stroke=colour, stroke_width=1.6, stroke_linecap="square")
        casing = drawn(line, fill="none", stroke=WHITE, stroke_width=width + 0.5)
        own = drawn(line, fill="none", stroke=colour, stroke_width=width, stroke_dasharray=dash)
        core = drawn(line, fill="none", stroke=WHITE, stroke_width=width - 0.5) if hollow else Markup("")
        return casing + own + core

    return draw


def swatch(draw: Draw, *, line: bool = False) -> Markup:
    """Draw a sample for the legend."""
    wide, high = SWATCH_MM
    shape: BaseGeometry = shapely.box(0.4, 0.4, wide - 0.4, high - 0.4)
    if line:
        shape = shapely.LineString([(0.0, high / 2), (wide, high / 2)])
    return picture(wide, high, [draw(shape)], "swatch")


def point(draw: Draw) -> Markup:
    """Draw a sample of a layer of points."""
    wide, high = SWATCH_MM
    return picture(wide, high, [draw(shapely.Point(wide / 2, high / 2))], "swatch")
