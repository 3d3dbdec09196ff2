"""Rasters in files: what a file says is applied, only blocks that are touched are read, nothing is resampled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from pyproj import CRS
from rasterio.transform import Affine

from geo_service.errors import CrsMismatch, InputError
from geo_service.rings import BrokenShape, Shapes
from geo_service.zonal import Raster, Statistics, from_cog, statistics
from tests.zonal.shapes import NORTH, TRANSFORM, WEST, box, shapes

HERE = "EPSG:4547"
ROWS, COLUMNS = 600, 700
GROUND = np.random.default_rng(11).normal(900.0, 20.0, (ROWS, COLUMNS)).astype(np.float32)
GROUND[100:120, 300:420] = -9999.0


TILES = {"driver": "GTiff", "tiled": True, "blockxsize": 128, "blockysize": 128}
STRIP = {"driver": "GTiff"}


def written(
    path: Path, values: np.ndarray, layout=TILES, *, crs: str | None = HERE, scale=1.0, offset=0.0, mask=None, **more
) -> Path:
    profile = {"crs": crs, "compress": "deflate", "transform": Affine.from_gdal(*TRANSFORM)} | layout | more
    height, width = values.shape
    with rasterio.open(path, "w", height=height, width=width, count=1, dtype=values.dtype, **profile) as target:
        target.write(values, 1)
        target.scales, target.offsets = (scale,), (offset,)
        if mask is not None:
            target.write_mask(mask)
    return path


@pytest.fixture(scope="module")
def parcels() -> Shapes:
    """Small ones and large ones, some beyond the raster, and one that is a ring around several blocks."""
    rng = np.random.default_rng(12)
    found: list[shapely.Geometry] = []
    for west, north, size in zip(
        rng.uniform(-100, 7000, 400), rng.uniform(-100, 6000, 400), rng.choice([3.0, 80.0, 900.0], 400), strict=True
    ):
        found.append(shapely.Point(WEST + west, NORTH - north).buffer(size, quad_segs=3))
    found.append(box(300, 300, 6500, 5500).difference(box(400, 400, 6400, 5400)))
    found.append(shapely.Polygon([(WEST, NORTH), (WEST + 7000, NORTH - 6000), (WEST + 6990, NORTH - 6000)]))
    return shapes(*found)


def same(found: Statistics, expected: Statistics) -> None:
    for name in ("count", "mean", "total", "nodata_share", "above"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-11, abs=1e-11, nan_ok=True)
    for name in ("minimum", "maximum"):
        assert np.array_equal(getattr(found, name), getattr(expected, name), equal_nan=True)


LAYOUTS = {
    "tiles": TILES,
    "large tiles": {"driver": "GTiff", "tiled": True, "blockxsize": 512, "blockysize": 256},
    "strips": {"driver": "GTiff", "blockysize": 7},
    "one strip": {"driver": "GTiff", "blockysize": ROWS},
    "cog": {"driver": "COG", "blocksize": 256},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_gives_what_its_array_gives(tmp_path, parcels, layout):
    file = written(tmp_path / "a.tif", GROUND, LAYOUTS[layout], nodata=-9999.0)
    found = from_cog(parcels, file, crs=HERE, thresholds=(890.0, 910.0))
    (expected,) = statistics(parcels, [Raster(GROUND, (890.0, 910.0), nodata=-9999.0)], TRANSFORM)
    same(found, expected)


def test_threads_and_the_order_of_parcels_change_no_bit(tmp_path, parcels):
    file = written(tmp_path / "a.tif", GROUND, nodata=-9999.0)
    one, two = (from_cog(parcels, file, crs=HERE, threads=threads) for threads in (1, 2))
    order = np.random.default_rng(13).permutation(len(parcels))
    turned = from_cog(parcels.take(order), file, crs=HERE)
    for name in Statistics.__slots__:
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()
        assert getattr(one, name)[order].tobytes() == getattr(turned, name).tobytes()


def spoil(file: Path, spared: set[tuple[int, int]]) -> int:
    """Overwrite all blocks but some; returns how many."""
    with rasterio.open(file) as source:
        high, wide = source.block_shapes[0]
        places = {
            (row, column): tuple(
                int(source.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", bidx=1)) for what in ("OFFSET", "SIZE")
            )
            for row in range(-(-source.height // high))
            for column in range(-(-source.width // wide))
        }
    content = bytearray(file.read_bytes())
    for place, (offset, size) in places.items():
        if place not in spared:
            content[offset : offset + size] = b"\xff" * size
    file.write_bytes(content)
    return len(places) - len(spared)


def test_only_blocks_that_a_parcel_touches_are_read(tmp_path):
    # A ring of ground through eight blocks around one, and a parcel in a ninth; the box of the ring covers them all.
    ring = box(1000, 1000, 3000, 3000).difference(box(1270, 1270, 2570, 2570))
    around = shapes(ring, box(5200, 5200, 5240, 5240))
    file = written(tmp_path / "a.tif", GROUND, nodata=-9999.0)
    expected = from_cog(around, file, crs=HERE)
    touched = {(row, column) for row in range(3) for column in range(3)} - {(1, 1)} | {(4, 4)}
    assert spoil(file, touched) == 30 - 9
    same(from_cog(around, file, crs=HERE), expected)
    with pytest.raises(InputError, match=r"a\.tif"):
        from_cog(shapes(box(1300, 1300, 1310, 1310)), file, crs=HERE)


def test_scale_offset_and_nodata_of_the_file_are_applied(tmp_path):
    stored = np.array([[100, 300, -32_768]], dtype=np.int16)
    file = written(tmp_path / "a.tif", stored, STRIP, nodata=-32_768, scale=0.01, offset=900.0)
    found = from_cog(shapes(box(0, 0, 30, 10)), file, crs=HERE, thresholds=(902.0,))
    assert (found.minimum[0], found.maximum[0]) == (901.0, 903.0)
    assert found.mean[0] == pytest.approx(902.0)
    assert (found.above[0, 0], found.nodata_share[0]) == (0.5, 1 / 3)


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_a_mask_beside_the_values_is_nodata(tmp_path, kind):
    mask = np.array([[255, 255, 0]], dtype=np.uint8)
    file = written(tmp_path / "a.tif", np.array([[1, 2, 200]], dtype=kind), STRIP, mask=mask)
    found = from_cog(shapes(box(0, 0, 30, 10)), file, crs=HERE)
    assert (found.maximum[0], found.nodata_share[0]) == (2.0, 1 / 3)


def test_a_file_that_has_no_nodata_knows_all_its_cells(tmp_path):
    file = written(tmp_path / "a.tif", GROUND)
    assert from_cog(shapes(box(2990, 990, 4210, 1210)), file, crs=HERE).minimum[0] == -9999.0


@pytest.mark.parametrize("other", ["EPSG:4546", "EPSG:4526", "EPSG:4490"])
def test_a_raster_in_another_crs_is_refused_and_both_are_named(tmp_path, other):
    file = written(tmp_path / "a.tif", GROUND, crs=other)
    with pytest.raises(CrsMismatch, match=rf"{other}.*{HERE}.*not resampled"):
        from_cog(shapes(box(0, 0, 10, 10)), file, crs=HERE)


def test_a_raster_without_a_crs_is_refused(tmp_path):
    file = written(tmp_path / "a.tif", GROUND, crs=None)
    with pytest.raises(CrsMismatch, match="no CRS"):
        from_cog(shapes(box(0, 0, 10, 10)), file, crs=HERE)


@pytest.mark.parametrize("spelled", [CRS(HERE).to_wkt(), CRS(HERE).to_json()], ids=["wkt", "json"])
def test_the_same_crs_spelled_otherwise_is_the_same(tmp_path, spelled):
    file = written(tmp_path / "a.tif", GROUND)
    assert from_cog(shapes(box(0, 0, 10, 10)), file, crs=spelled).count[0] == 1.0


@pytest.mark.parametrize(
    ("code", "more"),
    [
        ("raster_rotated", {"transform": Affine(10, 1, WEST, 1, -10, NORTH)}),
        ("raster_rotated", {"transform": Affine(10, 0, WEST, 0, 10, NORTH)}),
    ],
)
def test_a_raster_that_is_not_north_up_is_refused(tmp_path, code, more):
    file = written(tmp_path / "a.tif", GROUND, **more)
    with pytest.raises(InputError, match=code):
        from_cog(shapes(box(0, 0, 10, 10)), file, crs=HERE)


def test_several_bands_and_complex_numbers_are_refused(tmp_path):
    file = tmp_path / "bands.tif"
    profile = {"driver": "GTiff", "height": 4, "width": 4, "crs": HERE, "transform": Affine.from_gdal(*TRANSFORM)}
    with rasterio.open(file, "w", count=2, dtype="uint8", **profile) as target:
        target.write(np.ones((2, 4, 4), dtype=np.uint8))
    with pytest.raises(InputError, match="raster_bands"):
        from_cog(shapes(box(0, 0, 10, 10)), file, crs=HERE)
    file = written(tmp_path / "complex.tif", np.ones((64, 64), dtype=np.complex64))
    with pytest.raises(InputError, match="raster_type"):
        from_cog(shapes(box(0, 0, 10, 10)), file, crs=HERE)


def test_what_calls_itself_tif_is_not_followed(tmp_path):
    secret = written(tmp_path / "secret.tif", GROUND)
    file = tmp_path / "a.tif"
    file.write_text(
        f'<VRTDataset rasterXSize="1" rasterYSize="1"><SourceFilename>{secret}</SourceFilename></VRTDataset>'
    )
    with pytest.raises(InputError, match="unreadable"):
        from_cog(shapes(box(0, 0, 10, 10)), file, crs=HERE)


def test_parcels_beyond_the_raster_read_nothing(tmp_path):
    file = written(tmp_path / "a.tif", GROUND)
    spoil(file, set())
    found = from_cog(shapes(box(-100, -100, -50, -50)), file, crs=HERE)
    assert found.nodata_share[0] == 1.0


def test_broken_shapes_raise_before_anything_is_read(tmp_path):
    bow_tie = shapely.Polygon([(0, 0), (20, 20), (20, 0), (0, 20)])
    with pytest.raises(BrokenShape):
        from_cog(shapes(bow_tie), tmp_path / "absent.tif", crs=HERE)
