"""SVG in mm of paper. Geometry becomes numbers and text is escaped, so nothing in the data can become markup."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import shapely
from markupsafe import Markup
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

# 9 pt, the smallest lettering on a sheet.
TEXT_MM = 3.175
_DECIMALS = 3


def number(value: float) -> str:
    """Write a length in mm.

    Examples
    --------
    >>> number(12.0), number(-0.00001), number(0.12345)
    ('12', '0', '0.123')
    """
    # Adding zero takes the sign from minus zero.
    return f"{round(value, _DECIMALS) + 0.0:.{_DECIMALS}f}".rstrip("0").rstrip(".")


def path(geometry: BaseGeometry) -> str:
    """Write a geometry in mm as the data of a path; a point becomes a line without length.

    Examples
    --------
    >>> path(shapely.box(0, 0, 2, 1)), path(shapely.Point(3, 4))
    ('M2 0L2 1L0 1L0 0Z', 'M3 4h0')
    """
    written: list[str] = []
    for part in shapely.get_parts(geometry):
        if part.is_empty:
            continue
        if part.geom_type == "Polygon":
            written += [_chain(shapely.get_coordinates(ring)[:-1]) + "Z" for ring in (part.exterior, *part.interiors)]
        elif part.geom_type == "Point":
            x, y = shapely.get_coordinates(part)[0]
            written.append(f"M{number(x)} {number(y)}h0")
        elif part.geom_type in ("LineString", "LinearRing"):
            written.append(_chain(shapely.get_coordinates(part)))
        else:
            written.append(path(part))
    return "".join(written)


def _chain(points: NDArray[np.float64]) -> str:
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)


def drawn(geometry: BaseGeometry, **style: str | float) -> Markup:
    """Write a path with its style; nothing when there is nothing to draw.

    Examples
    --------
    >>> print(drawn(shapely.LineString([(0, 0), (1, 2)]), stroke="#000000", stroke_width=0.5))
    <path d="M0 0L1 2" stroke="#000000" stroke-width="0.5"/>
    """
    data = path(geometry)
    return Markup('<path d="{}"{}/>').format(data, _attributes(style)) if data else Markup("")


def text(x: float, y: float, words: str, **style: str | float) -> Markup:
    """Write one line of text.

    Examples
    --------
    >>> print(text(1, 2, "<b>", text_anchor="middle"))
    <text x="1" y="2" text-anchor="middle">&lt;b&gt;</text>
    """
    return Markup('<text x="{}" y="{}"{}>{}</text>').format(number(x), number(y), _attributes(style), words)


def picture(width_mm: float, height_mm: float, parts: Iterable[Markup], kind: str, name: str | None = None) -> Markup:
    """Put parts into a picture of exactly that size on paper; without a name it only repeats words beside it."""
    said = Markup('aria-hidden="true"') if name is None else Markup('role="img" aria-label="{}"').format(name)
    wide, high = number(width_mm), number(height_mm)
    return Markup('<svg class="{0}" width="{1}mm" height="{2}mm" viewBox="0 0 {1} {2}" {3}>{4}</svg>').format(
        kind, wide, high, said, Markup("").join(parts)
    )


def _attributes(style: dict[str, str | float]) -> Markup:
    return Markup("").join(
        Markup(' {}="{}"').format(
            name.rstrip("_").replace("_", "-"), value if isinstance(value, str) else number(value)
        )
        for name, value in style.items()
    )


def width_mm(words: str, size_mm: float = TEXT_MM) -> float:
    """Estimate how wide a line of text is: Chinese characters are square, others a little over half as wide.

    Examples
    --------
    >>> round(width_mm("地块 1"), 2)
    9.14
    """
    return sum(1.0 if ord(letter) > 0x2E7F else 0.3 if letter == " " else 0.58 for letter in words) * size_mm
