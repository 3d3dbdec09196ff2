"""Random layers and parcels of every awkward kind, each family by a seed.

Coordinates are on millimetres where a file would have them so, and plain doubles where a projection made them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.random import Generator
from shapely.geometry.base import BaseGeometry

ORIGIN = np.array([414000.0, 4013000.0])
ZONE_PREFIXED = np.array([38414000.0, 4013000.0])


@dataclass(frozen=True, eq=False)
class Case:
    """A layer, and the parcels that are asked about it."""

    parcels: Sequence[BaseGeometry]
    features: Sequence[BaseGeometry]
    classes: Sequence[str | None]
    surveyed: Sequence[BaseGeometry] | None = None
    cell_m: float = 64.0


def star(
    rng: Generator, centre: Sequence[float], radius: float, vertices: int = 12, *, holes: float = 0.0, mm: bool = True
) -> BaseGeometry:
    """A polygon that can be seen whole from its centre, maybe with a hole around the centre."""
    turn = np.linspace(0.0, 2 * np.pi, vertices, endpoint=False)
    turn += rng.uniform(0.0, 1.6 * np.pi / vertices, vertices)
    along = radius * rng.uniform(0.35, 1.0, vertices)
    ring = np.stack([along * np.cos(turn), along * np.sin(turn)], axis=1)
    inner = [ring[::-1] * 0.5 + centre] if rng.random() < holes else []
    rings = [ring + centre, *inner]
    if mm:
        rings = [ring.round(3) for ring in rings]
    return shapely.Polygon(rings[0], rings[1:])


def classes_of(rng: Generator, count: int, known: Sequence[str | None] = ("a", "b", "c", None)) -> list[str | None]:
    """Draw a class for each feature."""
    return [known[int(index)] for index in rng.integers(0, len(known), count)]


def stars(rng: Generator, origin: np.ndarray = ORIGIN) -> Case:
    """Stars with and without holes, some of two parts, on plain doubles or millimetres."""
    mm = bool(rng.random() < 0.5)
    features: list[BaseGeometry] = []
    for _ in range(int(rng.integers(1, 5))):
        one = star(rng, origin + rng.uniform(-90, 90, 2), rng.uniform(20, 120), int(rng.integers(3, 16)),
                   holes=0.4, mm=mm)  # fmt: skip
        if rng.random() < 0.3:
            one = shapely.MultiPolygon([one, star(rng, origin + np.array([300 + rng.uniform(0, 50), 0]), 60, 7, mm=mm)])
        features.append(one)
    parcels = [star(rng, origin + rng.uniform(-60, 60, 2), rng.uniform(10, 110), int(rng.integers(3, 16)), holes=0.3,
                    mm=mm) for _ in range(2)]  # fmt: skip
    return Case(parcels, features, classes_of(rng, len(features)), cell_m=float(rng.choice([32.0, 64.0, 512.0])))


def lattice(rng: Generator, side: float, origin: np.ndarray = ORIGIN) -> Callable[[int, int, int, int], BaseGeometry]:
    """Blocks of a crooked lattice that share their edges bit by bit; ``block(x, y, w, h)`` joins some of them."""
    points = np.stack(np.meshgrid(np.arange(7), np.arange(7), indexing="ij"), axis=-1) * side
    points = (origin + points + rng.uniform(-0.3, 0.3, points.shape) * side).round(3)
    # One more vertex half way along every lattice edge, the same for both sides.
    east = ((points[1:] + points[:-1]) / 2 + rng.uniform(-0.1, 0.1, points[1:].shape) * side).round(3)
    north = ((points[:, 1:] + points[:, :-1]) / 2 + rng.uniform(-0.1, 0.1, points[:, 1:].shape) * side).round(3)

    def block(x: int, y: int, w: int, h: int) -> BaseGeometry:
        ring = [p for i in range(x, x + w) for p in (points[i, y], east[i, y])]
        ring += [p for j in range(y, y + h) for p in (points[x + w, j], north[x + w, j])]
        ring += [p for i in range(x + w, x, -1) for p in (points[i, y + h], east[i - 1, y + h])]
        ring += [p for j in range(y + h, y, -1) for p in (points[x, j], north[x, j - 1])]
        return shapely.Polygon(ring)

    return block


def _blocks(rng: Generator, block: Callable[[int, int, int, int], BaseGeometry], count: int) -> list[BaseGeometry]:
    found = []
    for _ in range(count):
        x, y = rng.integers(0, 5, 2)
        found.append(block(int(x), int(y), int(rng.integers(1, 7 - x)), int(rng.integers(1, 7 - y))))
    return found


def shared_edges(rng: Generator) -> Case:
    """Parcels and features that share edges bit by bit, as drawn from one cadastre."""
    block = lattice(rng, 40.0)
    features = _blocks(rng, block, int(rng.integers(1, 6)))
    return Case(_blocks(rng, block, 3), features, classes_of(rng, len(features)))


def touching_corners(rng: Generator) -> Case:
    """A chequerboard of squares and of diamonds: neighbours meet in corners only; holes touch their ring."""
    side = float(rng.choice([8.0, 10.0, 12.5]))
    squares = [(i, j) for i in range(6) for j in range(6) if (i + j) % 2 == 0]
    chosen = rng.permutation(len(squares))[: int(rng.integers(2, 9))]
    cells = [
        shapely.box(*(ORIGIN + np.array(squares[k]) * side), *(ORIGIN + (np.array(squares[k]) + 1) * side))
        for k in chosen
    ]
    if rng.random() < 0.5:
        cells = [shapely.Polygon([(c.x, c.y - side), (c.x + side, c.y), (c.x, c.y + side), (c.x - side, c.y)])
                 for c in (cell.centroid for cell in cells)]  # fmt: skip
        features = list(cells)
    else:
        features = [shapely.MultiPolygon(cells[: len(cells) // 2 + 1]), *cells[len(cells) // 2 + 1 :]]
    x, y = ORIGIN + 2 * side
    # The hole touches the outer ring in one point.
    notched = shapely.Polygon(
        [(x, y), (x + 2 * side, y), (x + 2 * side, y + 2 * side), (x, y + 2 * side)],
        [[(x + side, y), (x + side / 2, y + side), (x + 1.5 * side, y + side)]],
    )
    corner = ORIGIN + rng.integers(0, 6, 2) * side
    return Case(
        [notched, shapely.box(*corner, *(corner + side * rng.integers(1, 4))), star(rng, corner, 2 * side)],
        features,
        classes_of(rng, len(features)),
        cell_m=float(rng.choice([8.0, 16.0, 64.0])),
    )


def holes_on_holes(rng: Generator) -> Case:
    """Rings that are the hole of one polygon, the boundary of another, and the hole of the parcel."""
    whole = star(rng, ORIGIN, 120.0, 14)
    rings = [np.asarray(whole.exterior.coords)]
    rings += [(ORIGIN + (rings[0] - ORIGIN) * share).round(3) for share in (0.8, 0.6, 0.4, 0.2)]
    bands = [shapely.Polygon(rings[i], [rings[j]]) for i in range(4) for j in range(i + 1, 5)]
    bands += [shapely.Polygon(ring) for ring in rings]
    island = shapely.MultiPolygon([shapely.Polygon(rings[0], [rings[1]]), shapely.Polygon(rings[2], [rings[3]])])
    picks = rng.permutation(len(bands))
    count = int(rng.integers(1, 6))
    features = [*[bands[k] for k in picks[:count]], *([island] if rng.random() < 0.5 else [])]
    parcels = [bands[picks[-1]], island, star(rng, ORIGIN + rng.uniform(-60, 60, 2), 70.0, holes=0.5)]
    return Case(parcels, features, classes_of(rng, len(features)))


def needles(rng: Generator) -> Case:
    """Slivers of a micrometre to a decimetre, up to a kilometre long, in every direction."""

    def needle() -> BaseGeometry:
        length, width = 10 ** rng.uniform(1.0, 3.0), 10 ** rng.uniform(-6.0, -1.0)
        turn = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)])
        along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
        start = ORIGIN + rng.uniform(-40, 40, 2) - along * length / 2
        ends = [start, start + along * length]
        return shapely.Polygon([*ends, ends[1] + across * width, *([start + across * width] * (rng.random() < 0.5))])

    features = [needle() for _ in range(3)] + [star(rng, ORIGIN + rng.uniform(-30, 30, 2), 80.0)]
    return Case(
        [needle(), star(rng, ORIGIN, 100.0)], features, classes_of(rng, 4), cell_m=float(rng.choice([32.0, 512.0]))
    )


def near_vertical(rng: Generator) -> Case:
    """Edges that lean by less than a millimetre over hundreds of metres, where a slope would be a huge number."""

    def strip() -> BaseGeometry:
        x, y = ORIGIN + rng.uniform(-60, 60, 2)
        tall, wide = rng.uniform(50, 400), rng.uniform(0.5, 60)
        lean = 10 ** rng.uniform(-9.0, -3.0, 2) * rng.choice([-1.0, 1.0], 2)
        ring = np.array([(x, y), (x + wide, y), (x + wide + lean[0], y + tall), (x + lean[1], y + tall)])
        if rng.random() < 0.3:
            ring = ORIGIN + (ring - ORIGIN)[:, ::-1]
        return shapely.Polygon(ring)

    features = [strip() for _ in range(int(rng.integers(1, 5)))]
    return Case([strip(), strip(), star(rng, ORIGIN, 100.0)], features, classes_of(rng, len(features)))


def duplicates(rng: Generator) -> Case:
    """The same feature several times: begun elsewhere, run the other way, in another class; the parcel itself."""
    base = [star(rng, ORIGIN + rng.uniform(-50, 50, 2), 80.0, 9) for _ in range(2)]
    features = []
    for _ in range(int(rng.integers(2, 7))):
        ring = np.asarray(base[int(rng.integers(0, 2))].exterior.coords)[:-1]
        ring = np.roll(ring, int(rng.integers(0, len(ring))), axis=0)
        features.append(shapely.Polygon(ring[:: int(rng.choice([-1, 1]))]))
    return Case([base[0], star(rng, ORIGIN, 60.0)], features, classes_of(rng, len(features)))


def nested(rng: Generator) -> Case:
    """One within the other within the other, core and control zones, some sharing a vertex."""
    ring = np.asarray(star(rng, ORIGIN, 150.0, 10).exterior.coords)
    pin = ring[0] if rng.random() < 0.5 else ORIGIN
    features = [shapely.Polygon((pin + (ring - pin) * share).round(3)) for share in (1.0, 0.7, 0.45, 0.2)]
    parcels = [shapely.Polygon((pin + (ring - pin) * rng.uniform(0.1, 0.9)).round(3)), star(rng, pin, 90.0)]
    return Case(parcels, features, classes_of(rng, 4))


def zone_prefixed(rng: Generator) -> Case:
    """Eastings with the number of the zone before them: 38,xxx,xxx."""
    return stars(rng, ZONE_PREFIXED)


def on_cell_borders(rng: Generator) -> Case:
    """Boxes and triangles whose vertices and edges lie on the lines of the grid exactly."""
    cell = float(rng.choice([16.0, 32.0, 64.0]))
    corner = np.floor(ORIGIN / cell) * cell

    def shape() -> BaseGeometry:
        at = corner + rng.integers(-3, 3, 2) * cell
        wide, tall = rng.integers(1, 5, 2) * cell
        x, y = at
        kind = int(rng.integers(0, 4))
        if kind == 0:
            return shapely.Polygon([(x, y), (x + wide, y), (x, y + tall)])
        if kind == 1:
            return shapely.Polygon([(x + wide, y), (x + wide, y + tall), (x, y + tall)])
        if kind == 2 and wide > cell:
            return shapely.Polygon([(x, y), (x + wide, y), (x + wide, y + tall), (x + cell, y + tall),
                                    (x + cell, y + tall / 2), (x, y + tall / 2)])  # fmt: skip
        return shapely.box(x, y, x + wide, y + tall)

    features = [shape() for _ in range(int(rng.integers(1, 6)))]
    return Case([shape(), shape(), star(rng, corner, 3 * cell)], features, classes_of(rng, len(features)), cell_m=cell)


def larger_than_cells(rng: Generator) -> Case:
    """A parcel over hundreds of cells, and features that fill many of them."""
    case = stars(rng)
    parcels = [star(rng, ORIGIN, 150.0, 30, holes=0.5)]
    return replace(case, parcels=parcels, cell_m=float(rng.choice([4.0, 8.0, 16.0])))


def smaller_than_a_cell(rng: Generator) -> Case:
    """Features of centimetres to metres, several in one cell."""
    features = [
        star(rng, ORIGIN + rng.uniform(-20, 20, 2), 10 ** rng.uniform(-1.5, 1.0), int(rng.integers(3, 9)), mm=False)
        for _ in range(8)
    ]
    return Case([star(rng, ORIGIN, 25.0), star(rng, ORIGIN, 2.0)], features, classes_of(rng, 8), cell_m=512.0)


def many_classes(rng: Generator) -> Case:
    """Features over one another in five classes."""
    features = [star(rng, ORIGIN + rng.uniform(-60, 60, 2), rng.uniform(30, 110), 10, holes=0.3) for _ in range(8)]
    return Case([star(rng, ORIGIN, 90.0)], features, classes_of(rng, 8, ("a", "b", "c", "d", "e", None)))


def surveyed(rng: Generator) -> Case:
    """A layer that was surveyed in part: the extent overlaps itself, has holes, and features lie outside of it."""
    case = stars(rng)
    count = int(rng.integers(0, 4))
    extents = [star(rng, ORIGIN + rng.uniform(-70, 70, 2), rng.uniform(30, 140), 9, holes=0.5) for _ in range(count)]
    return replace(case, surveyed=extents)


def inside_or_outside(rng: Generator) -> Case:
    """Parcels wholly within one huge feature, wholly outside, and one that is a feature itself."""
    features = [
        star(rng, ORIGIN, 3000.0, 40),
        star(rng, ORIGIN + np.array([9000, 0]), 100.0),
        star(rng, ORIGIN + np.array([1500, 0]), 90.0),
    ]
    parcels = [
        star(rng, ORIGIN + rng.uniform(-500, 500, 2), 100.0, holes=0.3),
        star(rng, ORIGIN - np.array([9000, 0]), 90.0),
        features[2],
    ]
    return Case(parcels, features, classes_of(rng, 3), cell_m=float(rng.choice([256.0, 512.0])))


FAMILIES: dict[str, Callable[[Generator], Case]] = {
    family.__name__: family
    for family in (
        stars,
        shared_edges,
        touching_corners,
        holes_on_holes,
        needles,
        near_vertical,
        duplicates,
        nested,
        zone_prefixed,
        on_cell_borders,
        larger_than_cells,
        smaller_than_a_cell,
        many_classes,
        surveyed,
        inside_or_outside,
    )
}


def cases(family: str, seed: int) -> Case:
    """Return the case of a family and seed, the same on every run; what is not valid is left out."""
    rng = np.random.default_rng([seed, sorted(FAMILIES).index(family)])
    drawn = FAMILIES[family](rng)
    keep = [index for index, feature in enumerate(drawn.features) if feature.is_valid and feature.area > 0.0]
    return replace(
        drawn,
        parcels=[parcel for parcel in drawn.parcels if parcel.is_valid and parcel.area > 0.0],
        features=[drawn.features[index] for index in keep],
        classes=[drawn.classes[index] for index in keep],
        surveyed=None if drawn.surveyed is None else [extent for extent in drawn.surveyed if extent.is_valid],
    )
