"""Vector tiles read by a plain reader of the specification, so that what was written can be looked at."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import shapely

EXTENT = 4096


@dataclass(frozen=True)
class Feature:
    """One feature of a tile; places in units of the tile, y to the south."""

    id: int
    properties: dict[str, object]
    rings: tuple[tuple[tuple[int, int], ...], ...]
    kind: int

    @property
    def geometry(self):
        """Polygons by the turn of their rings, as the specification says; else lines or points."""
        if self.kind == 1:
            return shapely.MultiPoint([point for run in self.rings for point in run])
        if self.kind == 2:
            return shapely.MultiLineString(self.rings)
        parts: list[tuple] = []
        for ring in self.rings:
            if turn(ring) > 0:
                parts.append((ring, []))
            else:
                parts[-1][1].append(ring)
        # Rings that were cut at the edge may run along each other there.
        return shapely.union_all(
            [shapely.difference(area(ring), shapely.union_all([area(hole) for hole in holes])) for ring, holes in parts]
        )


def area(ring):
    return shapely.make_valid(shapely.Polygon(ring))


def turn(ring) -> int:
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(ring, (*ring[1:], ring[0]), strict=True))


def number(data: bytes, at: int) -> tuple[int, int]:
    found = shift = 0
    while True:
        byte = data[at]
        found |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return found, at


def fields(data: bytes):
    at = 0
    while at < len(data):
        key, at = number(data, at)
        if key & 7 == 2:
            size, at = number(data, at)
            yield key >> 3, data[at : at + size]
            at += size
        elif key & 7 == 1:
            yield key >> 3, data[at : at + 8]
            at += 8
        else:
            value, at = number(data, at)
            yield key >> 3, value


def numbers(data: bytes) -> list[int]:
    found, at = [], 0
    while at < len(data):
        value, at = number(data, at)
        found.append(value)
    return found


def value_of(data: bytes) -> object:
    ((field, content),) = fields(data)
    if field == 1:
        return content.decode()
    if field == 3:
        return struct.unpack("<d", content)[0]
    return bool(content) if field == 7 else (content >> 1) ^ -(content & 1)


def runs(commands: list[int]):
    found, run, x, y, at = [], [], 0, 0, 0
    while at < len(commands):
        command, times = commands[at] & 7, commands[at] >> 3
        at += 1
        if command == 7:
            assert times == 1
            continue
        for _ in range(times):
            x += (commands[at] >> 1) ^ -(commands[at] & 1)
            y += (commands[at + 1] >> 1) ^ -(commands[at + 1] & 1)
            at += 2
            if command == 1 and run:
                found.append(tuple(run))
                run = []
            run.append((x, y))
    return (*found, tuple(run))


def decoded(tile: bytes) -> dict[str, list[Feature]]:
    """Read the layers of a tile."""
    found = {}
    for field, layer in fields(tile):
        assert field == 3
        parts = list(fields(layer))
        keys = [content.decode() for field, content in parts if field == 3]
        values = [value_of(content) for field, content in parts if field == 4]
        assert dict(parts)[5] == EXTENT
        assert dict(parts)[15] == 2
        assert len(set(keys)) == len(keys)
        features = []
        for content in (content for field, content in parts if field == 2):
            said = dict(fields(content))
            tags = numbers(said.get(2, b""))
            properties = {keys[key]: values[value] for key, value in zip(tags[::2], tags[1::2], strict=True)}
            features.append(Feature(said[1], properties, runs(numbers(said[4])), said[3]))
        found[dict(parts)[1].decode()] = features
    return found
