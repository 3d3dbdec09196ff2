"""DXF drawings: each closed polyline of the model space is a boundary. DWG is not read."""

from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault
from geo_service.ingest.faults import unreadable
from geo_service.ingest.fields import BadValue
from geo_service.ingest.table import RawTable
from geo_service.model.catalogue import GeometryKind

#: Arcs become chords that stay this near, in drawing units (metres).
ARC_DEVIATION = 0.001
_CLOSED_M = 0.001
_WIDE = frozenset({"LWPOLYLINE", "POLYLINE"})
#: No arc of a boundary stands farther off its chord (metres); one that does would be drawn with chords without end.
_RISE_MAX_M = 1e8


def read(file: Path, name: str, kind: GeometryKind) -> RawTable:
    """Read the polylines of a drawing.

    Parameters
    ----------
    kind : GeometryKind
        What the layer holds: open polylines and lines are rows of a line layer, and rejected rows of a polygon layer.

    Raises
    ------
    InputError
        When the drawing is damaged or holds no polyline.
    """
    from ezdxf.filemanagement import readfile
    from ezdxf.lldxf.const import DXFError

    try:
        drawing = readfile(str(file))
        entities = list(drawing.modelspace())
    # Of one that was cut off ezdxf lets an iterator end, or a piece of bytes be too short.
    except (
        DXFError,
        OSError,
        LookupError,
        ValueError,
        AttributeError,
        TypeError,
        StopIteration,
        struct.error,
    ) as error:
        raise unreadable(name, "DXF 已损坏", "the DXF is damaged", value=type(error).__name__) from error
    table = RawTable("DXF", "", None, "", drawing.encoding, "declared", [], np.empty(0, dtype=object), {}, 0)
    wanted = _WIDE | {"LINE"} if kind is not GeometryKind.POLYGON else _WIDE
    kinds = [_kind(entity) for entity in entities]
    other = Counter(found for found in kinds if found not in wanted)
    shapes: list[object] = []
    layers: list[object] = []
    arcs = 0
    drawn = (entity for entity, found in zip(entities, kinds, strict=True) if found in wanted)
    for row, entity in enumerate(drawn, start=1):
        table.read = row
        try:
            points, closed, curved = _points(entity)
        except BadValue as error:
            table.faults.append(
                Fault(
                    error.code,
                    f"{error.zh}（图层 {entity.dxf.layer}）",
                    f"{error.en} (layer {entity.dxf.layer})",
                    "请在CAD中改正或重画该多段线后重新导出",
                    "correct it or draw it anew in the CAD program and export again",
                    row=row,
                    value=f"handle {entity.dxf.handle}: {error.value}",
                )
            )
            continue
        arcs += curved
        if kind is GeometryKind.POLYGON and (not closed or len(points) < 4):
            table.faults.append(
                Fault(
                    "ring_unclosed",
                    f"多段线未闭合（图层 {entity.dxf.layer}）",
                    f"the polyline is not closed (layer {entity.dxf.layer})",
                    "请在CAD中闭合后重新导出",
                    "close it in the CAD program and export again",
                    row=row,
                    value=f"handle {entity.dxf.handle}",
                )
            )
            continue
        table.rows.append(row)
        layers.append(str(entity.dxf.layer))
        area = closed and len(points) >= 4 and kind is not GeometryKind.LINE
        shapes.append(shapely.Polygon(points) if area else shapely.LineString(points) if len(points) > 1 else None)
    if not table.read:
        raise unreadable(
            name, "DXF 模型空间中没有多段线", "no polyline in the model space of the DXF", code="no_features"
        )
    table.geometries = np.empty(len(shapes), dtype=object)
    table.geometries[:] = shapes
    table.columns = {"layer": layers}
    if arcs:
        table.notes.append(
            f"{arcs}条多段线含圆弧，已按{ARC_DEVIATION}米以内折线化 / {arcs} polylines hold arcs, drawn as chords"
        )
    if other:
        listed = ", ".join(f"{kind} {count}" for kind, count in sorted(other.items()))
        table.warnings.append(f"未读取的其他图元：{listed} / entities not read: {listed}")
    return table


def _kind(entity: Any) -> str:
    """Return the type of an entity; a mesh is kept as a polyline and is none."""
    mesh = entity.dxftype() == "POLYLINE" and (entity.is_polygon_mesh or entity.is_poly_face_mesh)
    return str(entity.get_mode() if mesh else entity.dxftype())


def _corners(entity: Any) -> NDArray[np.float64]:
    """Return x, y and bulge of the vertices as the drawing has them."""
    if entity.dxftype() == "LINE":
        ends = (entity.dxf.start, entity.dxf.end)
        return np.array([(end.x, end.y, 0.0) for end in ends])
    if entity.dxftype() == "LWPOLYLINE":
        return np.array(entity.get_points("xyb"), dtype=float).reshape(-1, 3)
    vertices = [vertex.dxf for vertex in entity.vertices]
    return np.array([(one.location.x, one.location.y, one.get("bulge", 0.0)) for one in vertices]).reshape(-1, 3)


def _refuse_wild(corners: NDArray[np.float64]) -> None:
    """Refuse numbers of which no boundary can be drawn."""
    broken = np.flatnonzero(~np.isfinite(corners).all(axis=1))
    if len(broken):
        raise BadValue(
            "not_a_number",
            "坐标或凸度不是有限数值（NaN/Inf）",
            "a coordinate or bulge is not a finite number",
            f"vertex {broken[0] + 1} {corners[broken[0]].tolist()}",
        )
    chords = np.hypot(*(np.roll(corners, -1, axis=0) - corners)[:, :2].T)
    far = np.flatnonzero(np.abs(corners[:, 2]) * (chords / 2) > _RISE_MAX_M)
    if len(far):
        raise BadValue(
            "bad_geometry",
            "圆弧的凸度过大",
            "the bulge of an arc is too large",
            f"vertex {far[0] + 1} {corners[far[0]].tolist()}",
        )


def _points(entity: Any) -> tuple[list[tuple[float, float]], bool, bool]:
    """Return vertices (first one repeated when closed), whether it is closed, and whether it has arcs.

    Raises
    ------
    BadValue
        When a vertex or an arc is none that can be drawn.
    """
    from ezdxf import path
    from ezdxf.lldxf.const import DXFError

    try:
        _refuse_wild(_corners(entity))
        line = path.make_path(entity)
        points = [(float(point.x), float(point.y)) for point in line.flattening(ARC_DEVIATION)]
    except (DXFError, ArithmeticError, IndexError, TypeError, ValueError) as error:
        raise BadValue("bad_geometry", "多段线无法解析", "the polyline cannot be read", error) from error
    if not np.isfinite(points).all():
        raise BadValue("not_a_number", "拉伸方向不是有限数值", "its extrusion is not finite", entity.dxf.extrusion)
    if not points:
        return [], False, False
    shut = bool(getattr(entity, "is_closed", False)) or getattr(entity, "closed", False) is True
    gap = max(abs(points[0][0] - points[-1][0]), abs(points[0][1] - points[-1][1]))
    closed = shut or (len(points) > 3 and gap <= _CLOSED_M)
    if closed and gap:
        points = [*points[:-1], points[0]] if gap <= _CLOSED_M else [*points, points[0]]
    return points, closed, bool(line.has_curves)
