"""What GDAL reads: shapes of a shapefile, FileGDB, KML, GeoTIFF. Only the reading process may import this.

GDAL follows whatever a file's content names, other files and hosts included, so every driver but the few wanted ones is
switched off before it is imported.
"""

from __future__ import annotations

import logging
import os
import warnings as python_warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault, InputError
from geo_service.ingest.drivers import ALLOWED
from geo_service.ingest.faults import choose_layer, unreadable
from geo_service.ingest.formats import geodatabase
from geo_service.ingest.table import RawGrid, RawTable, flattened

MAX_GRID_BYTES = 2_000_000_000
MAX_GRID_RATIO = 200
MAX_BLOCK_BYTES = 64_000_000
GEODATABASE = "OpenFileGDB"
#: The table of a FileGDB in which row n names the table whose files are numbered n.
_CATALOGUE = "GDB_SystemCatalog"

_skips: dict[str, str] = {}


def prepare(skip: Iterable[tuple[str, str]]) -> None:
    """Take the drivers that must not be loaded, by library; before any of them is imported."""
    _skips.update(skip)


def _pyogrio() -> Any:
    # GDAL reads the list when it starts, and would complain of names that its own build does not know.
    os.environ["GDAL_SKIP"] = _skips["pyogrio"]
    import pyogrio
    import pyogrio.raw

    _assert_few(pyogrio.list_drivers())
    return pyogrio


def _rasterio() -> Any:
    os.environ["GDAL_SKIP"] = _skips["rasterio"]
    import rasterio

    with rasterio.Env() as env:
        _assert_few(env.drivers())
    return rasterio


def _assert_few(drivers: Iterable[str]) -> None:
    extra = set(drivers) - ALLOWED
    if extra:
        raise RuntimeError(f"GDAL drivers that should be off: {sorted(extra)}")


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        self.messages.append(record.getMessage())


@contextmanager
def _collected(name: str, folder: Path) -> Iterator[list[str]]:
    """Collect what GDAL says while it reads; our own paths are taken out of it."""
    collector = _Collector()
    loggers = [logging.getLogger("pyogrio"), logging.getLogger("rasterio")]
    for logger in loggers:
        logger.addHandler(collector)
    said: list[str] = []
    try:
        with python_warnings.catch_warnings(record=True) as caught:
            python_warnings.simplefilter("always")
            yield said
    finally:
        for logger in loggers:
            logger.removeHandler(collector)
        found = [*collector.messages, *(str(item.message) for item in caught)]
        said.extend(dict.fromkeys(text.replace(str(folder), name)[:300] for text in found))


@dataclass
class Shapes:
    """Geometries without attributes."""

    geometries: NDArray[np.object_]
    crs: str | None
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _geometries(wkb: NDArray[np.object_], notes: list[str]) -> NDArray[np.object_]:
    return flattened(shapely.from_wkb(wkb, on_invalid="ignore"), notes)


def read_shapes(file: Path, name: str) -> Shapes:
    """Read the shapes of a ``.shp`` that has no table beside it."""
    pyogrio = _pyogrio()
    notes: list[str] = []
    with _collected(name, file.parent) as said:
        try:
            meta, _, wkb, _ = pyogrio.raw.read(file, columns=[], force_2d=False)
        except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError) as error:
            raise unreadable(name, "shapefile 无法读取", "the shapefile cannot be read") from error
        shapes = _geometries(wkb, notes)
    return Shapes(shapes, meta["crs"], said, notes)


def read_layer(file: Path, name: str, driver: str, layer_name: str | None) -> RawTable:
    """Read one layer of a FileGDB or a KML.

    Raises
    ------
    InputError
        When it cannot be read, or holds several layers and none was named.
    """
    pyogrio = _pyogrio()
    notes: list[str] = []
    counted = geodatabase.counted(file, name) if driver == GEODATABASE else {}
    with _collected(name, file.parent) as said:
        try:
            layers = [
                str(layer)
                for layer, kind in pyogrio.list_layers(file)
                if kind is not None and (driver != "KML" or pyogrio.read_info(file, layer=layer)["features"] != 0)
            ]
            layer = choose_layer(name, layers, layer_name)
            if driver == GEODATABASE:
                # GDAL's own count is not asked: it stops reading where the header says, and so agrees with itself.
                _, numbers, _, tables = pyogrio.raw.read(file, layer=_CATALOGUE, columns=["Name"], return_fids=True)
                expected = counted[dict(zip(tables[0].tolist(), numbers.tolist(), strict=True))[layer]]
            else:
                expected = pyogrio.read_info(file, layer=layer, force_feature_count=True)["features"]
            meta, fids, wkb, values = pyogrio.raw.read(file, layer=layer, return_fids=True, datetime_as_string=True)
        except (
            pyogrio.errors.DataSourceError,
            pyogrio.errors.DataLayerError,
            pyogrio.errors.FeatureError,
            LookupError,
            ValueError,
        ) as error:
            raise unreadable(name, f"{driver} 无法读取", f"the {driver} cannot be read") from error
        shapes = _geometries(wkb, notes)
    if len(fids) != expected:
        raise unreadable(
            name,
            f"应有{expected}行，读到{len(fids)}行",
            f"{expected} rows expected, {len(fids)} read",
            code="truncated",
        )
    bad = [i for i in range(len(wkb)) if wkb[i] is not None and shapes[i] is None]
    keep = [i for i in range(len(wkb)) if i not in set(bad)]
    table = RawTable(
        driver,
        layer,
        meta["crs"],
        "declared",
        "utf-8",
        "standard",
        [i + 1 for i in keep],
        shapes[keep],
        {
            str(column): list(np.asarray(cells, dtype=object)[keep])
            for column, cells in zip(meta["fields"], values, strict=True)
        },
        len(fids),
        warnings=said,
        notes=notes,
    )
    table.faults.extend(Fault("bad_geometry", "图形无法解析", "the geometry cannot be read", row=i + 1) for i in bad)
    if driver == "KML":
        # GDAL makes a column of the placemarks' own ids, empty where they have none.
        own = table.columns.pop("id", [])
        table.feature_ids = own if any(own) else None
    return table


def _grid_fault(name: str, code: str, zh: str, en: str, value: str | None = None) -> InputError:
    return InputError(
        Fault(
            code,
            zh,
            en,
            "请重新导出为单波段、上北的 GeoTIFF",
            "export a north-up GeoTIFF with one band",
            where=name,
            value=value,
        )
    )


def read_grid(file: Path, name: str, folder: Path) -> RawGrid:
    """Read a GeoTIFF into a NumPy file: scale and offset applied, nodata and blocks that are not there as NaN.

    Raises
    ------
    InputError
        When it is damaged, too large, rotated, has several bands, or holds nothing.
    """
    rasterio = _rasterio()
    from rasterio.errors import RasterioError

    with _collected(name, file.parent) as said:
        try:
            with rasterio.open(file, driver="GTiff", sharing=False) as dataset:
                return _grid(dataset, file.stat().st_size, name, folder, said)
        except (RasterioError, MemoryError, ValueError) as error:
            raise unreadable(name, "GeoTIFF 无法读取", "the GeoTIFF cannot be read") from error


def _grid(dataset: Any, size: int, name: str, folder: Path, said: list[str]) -> RawGrid:
    height, width = dataset.shape
    if dataset.count != 1:
        raise _grid_fault(
            name, "raster_bands", f"应为1个波段，实际{dataset.count}个", f"expected one band, found {dataset.count}"
        )
    kind = np.dtype(dataset.dtypes[0])
    block = int(np.prod(dataset.block_shapes[0])) * kind.itemsize
    raw = height * width * kind.itemsize
    if height * width * 8 > MAX_GRID_BYTES or raw > MAX_GRID_RATIO * size or block > MAX_BLOCK_BYTES:
        raise _grid_fault(
            name, "raster_too_large", "栅格尺寸过大", "the raster is too large", f"{width} × {height} in {size} bytes"
        )
    if kind.kind not in "iuf":
        raise _grid_fault(name, "raster_type", "栅格应为实数", "the raster must hold real numbers", str(kind))
    transform = dataset.transform
    if transform.b or transform.d or transform.a <= 0 or transform.e >= 0:
        raise _grid_fault(name, "raster_rotated", "栅格应为上北且不旋转", "the raster must be north-up and not rotated")
    scale, offset = dataset.scales[0], dataset.offsets[0]
    target = folder / "grid.npy"
    out = np.lib.format.open_memmap(target, mode="w+", dtype=np.float64, shape=(height, width))
    seen = 0
    step = max(1, min(height, MAX_BLOCK_BYTES // (8 * width)))
    for top in range(0, height, step):
        rows = min(step, height - top)
        window = ((top, top + rows), (0, width))
        part = dataset.read(1, window=window, masked=True)
        values = part.astype(np.float64) * scale + offset
        out[top : top + rows] = values.filled(np.nan)
        seen += int(np.isfinite(out[top : top + rows]).sum())
    absent = 0
    for place in _absent_blocks(dataset):
        absent += 1
        seen -= int(np.isfinite(out[place]).sum())
        out[place] = np.nan
    out.flush()
    if np.isinf(out).any():
        raise _grid_fault(name, "not_a_number", "栅格含无穷大值", "the raster holds infinite values")
    if not seen:
        raise _grid_fault(name, "raster_empty", "栅格全部为无值", "every cell of the raster is nodata")
    crs = dataset.crs.to_wkt() if dataset.crs else None
    notes = []
    if seen < height * width:
        share = 1 - seen / (height * width)
        notes.append(f"无值像元占{share:.2%} / {share:.2%} of the cells are nodata")
    if absent:
        notes.append(f"文件缺{absent}个数据块，按无值处理 / blocks that are not in the file, taken as nodata: {absent}")
    if (scale, offset) != (1.0, 0.0):
        notes.append(f"已应用比例{scale:g}、偏移{offset:g} / scale {scale:g} and offset {offset:g} applied")
    return RawGrid(
        crs,
        "declared",
        target,
        (height, width),
        (transform.c, transform.a, 0.0, transform.f, 0.0, transform.e),
        said,
        notes,
    )


def _absent_blocks(dataset: Any) -> Iterator[tuple[slice, slice]]:
    """Where a sparse file has no block: GDAL would fill it with zero if the file declares no nodata."""
    rows, columns = dataset.block_shapes[0]
    for down, top in enumerate(range(0, dataset.height, rows)):
        for across, left in enumerate(range(0, dataset.width, columns)):
            if dataset.get_tag_item(f"BLOCK_OFFSET_{across}_{down}", dm="TIFF", bidx=1) is None:
                yield slice(top, top + rows), slice(left, left + columns)
