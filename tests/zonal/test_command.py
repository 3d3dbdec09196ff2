"""From files of parcels and rasters to a table, as a person runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rasterio
from rasterio.transform import Affine

from tests.zonal.shapes import TRANSFORM, box

HERE = "EPSG:4547"
DEPTH = np.array([[0.0, 0.2], [0.6, -9999.0]], dtype=np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    boundaries = [box(0, 0, 20, 20), box(0, 0, 5, 10)]
    frame = geopandas.GeoDataFrame({"id": ["东-1", "东-2"], "note": ["a", "b"]}, geometry=boundaries, crs=HERE)
    frame.to_parquet(tmp_path / "parcels.parquet")
    frame.to_parquet(tmp_path / "native.parquet", geometry_encoding="geoarrow")
    frame.drop(columns="id").to_parquet(tmp_path / "nameless.parquet")
    frame.to_crs("EPSG:4490").to_parquet(tmp_path / "degrees.parquet")
    frame.set_crs(None, allow_override=True).to_parquet(tmp_path / "placeless.parquet")
    pq.write_table(pa.table({"id": ["1"]}), tmp_path / "plain.parquet")
    profile = {"crs": HERE, "transform": Affine.from_gdal(*TRANSFORM), "nodata": -9999.0}
    with rasterio.open(
        tmp_path / "depth.tif", "w", driver="GTiff", height=2, width=2, count=1, dtype="float32", **profile
    ) as target:
        target.write(DEPTH, 1)
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "geo_service.zonal", *arguments, "-o", str(folder / "out.parquet")],
        cwd=folder,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("parcels", ["parcels.parquet", "native.parquet"])
def test_a_table_of_every_raster_by_parcel(folder, parcels):
    done = run(folder, parcels, "depth=depth.tif", "again=depth.tif", "--above", "depth=0.15", "--above", "depth=0.5")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    table = pq.read_table(folder / "out.parquet").to_pydict()
    assert table["id"] == ["东-1", "东-2"]
    assert table["depth_count"] == [3.0, 0.5]
    assert table["depth_mean"] == pytest.approx([0.8 / 3, 0.0])
    assert table["depth_max"] == pytest.approx([0.6, 0.0])
    assert table["depth_sum"] == pytest.approx([0.8, 0.0])
    assert table["depth_nodata_share"] == [0.25, 0.0]
    assert table["depth_above_0.15"] == pytest.approx([2 / 3, 0.0])
    assert table["depth_above_0.5"] == pytest.approx([1 / 3, 0.0])
    assert table["again_min"] == table["depth_min"] == [0.0, 0.0]
    assert "again_above_0.5" not in table


def test_parcels_without_ids_are_counted(folder):
    assert run(folder, "nameless.parquet", "depth=depth.tif").returncode == 0
    assert pq.read_table(folder / "out.parquet").column("id").to_pylist() == [0, 1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["degrees.parquet", "depth=depth.tif"], "EPSG:4490"),
        (["placeless.parquet", "depth=depth.tif"], "crs_missing"),
        (["plain.parquet", "depth=depth.tif"], "plain.parquet"),
        (["absent.parquet", "depth=depth.tif"], "absent.parquet"),
        (["parcels.parquet", "depth=absent.tif"], "absent.tif"),
        (["parcels.parquet", "depth.tif"], "NAME=RASTER.tif"),
        (["parcels.parquet", "depth=depth.tif", "--above", "height=1"], "height"),
        (["parcels.parquet", "depth=depth.tif", "--above", "depth=much"], "NAME=VALUE"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(folder, arguments, said):
    done = run(folder, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "out.parquet").exists()
