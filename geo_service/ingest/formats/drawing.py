"""DXF drawings: each closed polyline of the model space is a boundary. DWG is not read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from geo_service.errors import Fault
from geo_service.ingest.faults import unreadable
from geo_service.ingest.table import RawTable
from geo_service.model.catalogue import GeometryKind

#: Arcs become chords that stay this near, in drawing units (metres).
ARC_DEVIATION = 0.001
_CLOSED_M = 0.001
_WIDE = frozenset({"LWPOLYLINE", "POLYLINE"})


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
    except (DXFError, OSError, UnicodeError, ValueError, IndexError, AttributeError, KeyError, TypeError) as error:
        raise unreadable(name, "DXF 已损坏", "the DXF is damaged", value=type(error).__name__) from error
    table = RawTable("DXF", "", None, "", drawing.encoding, "declared", [], np.empty(0, dtype=object), {}, 0)
    wanted = _WIDE | {"LINE"} if kind is not GeometryKind.POLYGON else _WIDE
    other = Counter(entity.dxftype() for entity in entities if entity.dxftype() not in wanted)
    shapes: list[object] = []
    layers: list[object] = []
    arcs = 0
    for row, entity in enumerate((entity for entity in entities if entity.dxftype() in wanted), start=1):
        table.read = row
        points, closed, curved = _points(entity)
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


def _points(entity: Any) -> tuple[list[tuple[float, float]], bool, bool]:
    """Return vertices (first one repeated when closed), whether it is closed, and whether it has arcs."""
    from ezdxf import path

    line = path.make_path(entity)
    points = [(float(point.x), float(point.y)) for point in line.flattening(ARC_DEVIATION)]
    if not points:
        return [], False, False
    shut = bool(getattr(entity, "is_closed", False)) or getattr(entity, "closed", False) is True
    gap = max(abs(points[0][0] - points[-1][0]), abs(points[0][1] - points[-1][1]))
    closed = shut or (len(points) > 3 and gap <= _CLOSED_M)
    if closed and gap:
        points = [*points[:-1], points[0]] if gap <= _CLOSED_M else [*points, points[0]]
    return points, closed, bool(line.has_curves)
