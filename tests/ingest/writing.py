"""Sample data in each format, written with other people's software."""

from __future__ import annotations

import sqlite3
import struct
import warnings
import zipfile
from contextlib import closing
from pathlib import Path

import ezdxf
import numpy as np
import pyogrio.raw
import rasterio
import shapely
from pyproj import CRS
from rasterio import Affine

COLUMNS = {"宗地编号": ["A-1", "A-2"], "宗地名称": ["长治一号", "长治二号"], "MJ": [1.5, 2.25]}


def write_vector(
    file: Path,
    shapes: list,
    driver: str,
    *,
    crs: str | None = "EPSG:4547",
    columns: dict | None = None,
    **options: object,
) -> Path:
    """Write geometries and columns with GDAL."""
    kinds = {shape.geom_type for shape in shapes}
    columns = COLUMNS if columns is None else columns
    with warnings.catch_warnings():
        # GDAL says that it cuts names at ten bytes; that is what is wanted here.
        warnings.simplefilter("ignore")
        pyogrio.raw.write(
            file,
            geometry=shapely.to_wkb(np.asarray(shapes, dtype=object)),
            field_data=[_cells(values) for values in columns.values()],
            field_mask=[np.array([value is None for value in values]) for values in columns.values()],
            fields=list(columns),
            geometry_type=kinds.pop() if len(kinds) == 1 else "Unknown",
            crs=crs,
            driver=driver,
            **options,
        )
    return file


def _cells(values: list) -> np.ndarray:
    # A column of numbers has a number also where nothing stands, which the mask hides.
    texts = any(isinstance(value, str) for value in values)
    return np.asarray(values, dtype=object) if texts else np.asarray([value or 0 for value in values])


def altered(file: Path, *statements: str, values: tuple = ()) -> Path:
    """Change a GeoPackage without the triggers that GDAL gave it, which would need GDAL."""
    with closing(sqlite3.connect(file)) as database, database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        for statement in statements:
            database.execute(statement, values)
    return file


def write_turned(file: Path, shapes: list, **options: object) -> Path:
    """Write a shapefile whose first shape, of two parts, has the second one the wrong way round; GDAL warns of it."""
    write_vector(file, shapes, "ESRI Shapefile", **options)
    data = bytearray(file.read_bytes())
    rings, points = struct.unpack_from("<ii", data, 144)
    second = struct.unpack_from(f"<{rings}i", data, 152)[1]
    start, end = (152 + 4 * rings + 16 * number for number in (second, points))
    data[start:end] = np.frombuffer(data[start:end], "<f8").reshape(-1, 2)[::-1].tobytes()
    file.write_bytes(data)
    return file


def zipped(file: Path, members: dict[str, bytes | Path]) -> Path:
    """Write a zip."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content.read_bytes() if isinstance(content, Path) else content)
    return file


def zipped_folder(file: Path, folder: Path, prefix: str = "") -> Path:
    """Write a zip of all files below a folder."""
    return zipped(
        file, {f"{prefix}{path.relative_to(folder)}": path for path in sorted(folder.rglob("*")) if path.is_file()}
    )


def write_dxf(file: Path, rings: list[list[tuple[float, float]]], *, closed: bool = True) -> Path:
    """Write polylines of a drawing."""
    drawing = ezdxf.new("R2010")
    for ring in rings:
        drawing.modelspace().add_lwpolyline(ring, close=closed, dxfattribs={"layer": "红线"})
    drawing.modelspace().add_text("宗地红线图")
    drawing.saveas(file)
    return file


def write_grid(
    file: Path, values: np.ndarray, *, x: float, y: float, cell: float, crs: str | None, **options: object
) -> Path:
    """Write a GeoTIFF whose upper left corner is (x, y)."""
    scale, unit = options.pop("scale", None), options.pop("unit", None)
    with rasterio.open(
        file,
        "w",
        driver="GTiff",
        height=values.shape[0],
        width=values.shape[1],
        count=1,
        dtype=values.dtype,
        crs=CRS(crs).to_wkt() if crs else None,
        transform=options.pop("transform", Affine(cell, 0, x, 0, -cell, y)),
        **options,
    ) as out:
        out.write(values, 1)
        if scale is not None:
            out.scales = (scale,)
        if unit is not None:
            out.units = (unit,)
    return file
