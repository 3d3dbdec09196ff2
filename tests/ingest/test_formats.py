"""One way round through each format: what was written is what arrives, to the hundredth of a square metre."""

from __future__ import annotations

import csv
import json
import math
import struct
import subprocess
import sys
from datetime import date

import numpy as np
import pytest
import rasterio
import shapely
from rasterio import Affine
from rasterio.windows import Window

from geo_service import ingest
from geo_service.cli.say import report_lines
from geo_service.ingest import gdal
from tests.ingest.samples import LAT, LON, X, Y, collection, feature, shared
from tests.ingest.writing import COLUMNS, write_dxf, write_grid, write_turned, write_vector, zipped_folder

RING = [(X, Y), (X + 123.456, Y + 7.891), (X + 119.2, Y + 98.765), (X + 3.21, Y + 88.8)]
HOLE = [(X + 40, Y + 40), (X + 60, Y + 40), (X + 60, Y + 60), (X + 40, Y + 60)]
FIRST = shapely.Polygon(RING, [HOLE])
SECOND = shapely.Polygon([(x + 500, y) for x, y in RING])
SHAPES = [FIRST, SECOND]


def as_geojson(folder):
    file = folder / "a.geojson"
    features = [
        feature(json.loads(shapely.to_geojson(shape))["coordinates"], properties={k: v[i] for k, v in COLUMNS.items()})
        for i, shape in enumerate(SHAPES)
    ]
    file.write_text(json.dumps(collection(*features, crs="EPSG:4547"), ensure_ascii=False), "utf-8")
    return file


def as_gpkg(folder):
    return write_vector(folder / "a.gpkg", SHAPES, "GPKG")


def as_shapefile(folder):
    return write_vector(folder / "a.shp", SHAPES, "ESRI Shapefile", encoding="GBK")


def as_shapefile_zip(folder):
    (folder / "shp").mkdir()
    write_vector(folder / "shp" / "宗地.shp", SHAPES, "ESRI Shapefile", encoding="UTF-8")
    return zipped_folder(folder / "a.zip", folder / "shp", "数据/")


def as_filegdb_zip(folder):
    write_vector(folder / "a.gdb", SHAPES, "OpenFileGDB", layer="宗地")
    return zipped_folder(folder / "a.gdb.zip", folder / "a.gdb", "a.gdb/")


def as_csv(folder, encoding="gbk"):
    file = folder / "a.csv"
    with file.open("w", encoding=encoding, newline="") as out:
        writer = csv.writer(out)
        writer.writerow([*COLUMNS, "WKT"])
        for i, shape in enumerate(SHAPES):
            writer.writerow([*(values[i] for values in COLUMNS.values()), shape.wkt])
    return file


@pytest.mark.parametrize("write", [as_geojson, as_gpkg, as_shapefile, as_shapefile_zip, as_filegdb_zip, as_csv])
def test_what_was_written_arrives(check, load, tmp_path, write):
    file = write(tmp_path)
    crs = "EPSG:4547" if file.suffix == ".csv" else None
    features, report = load("parcels", file, crs=crs)
    assert features.ids == ("A-1", "A-2")
    assert features.crs == "EPSG:4547"
    assert features.attributes["name"] == ("长治一号", "长治二号")
    assert features.attributes["registered_area_m2"] == (1.5, 2.25)
    assert features.attributes["stage"] == (None, None)
    for shape, wanted in zip(features.geometries, SHAPES, strict=True):
        assert shapely.equals(shape, wanted) or abs(shape.area - wanted.area) < 0.01
        assert abs(shape.area - wanted.area) < 0.01
    assert (report.read, report.stored, report.rejected) == (2, 2, ())
    assert report.area_m2 == pytest.approx(FIRST.area + SECOND.area, abs=0.01)
    assert report.warnings == ()
    assert len(features.origin.source_sha256) == 64
    found = check(file.read_bytes() if file.suffix != ".shp" else file, file.name, crs=crs)
    assert [parcel.id for _, parcel in found.parcels] == ["A-1", "A-2"]
    assert found.parcels[0][1].geometry.area == pytest.approx(FIRST.area, abs=0.01)


def test_the_program_itself_never_imports_gdal(tmp_path):
    file = write_vector(tmp_path / "a.gpkg", SHAPES, "GPKG")
    code = (
        "import sys; from pathlib import Path; from geo_service import ingest\n"
        "from geo_service.store.definitions import load_catalogue, load_rulebook, bundled\n"
        "catalogue, rules = load_catalogue(bundled()[0]), load_rulebook(bundled()[1]).jurisdiction\n"
        "before = {name for name in sys.modules if name.split('.')[0] in ('pyogrio', 'rasterio')}\n"
        "ingest.read_boundaries(Path(sys.argv[1]), 'a', catalogue, rules, parcels_spec=catalogue.layers['parcels'])\n"
        "after = {name for name in sys.modules if name.split('.')[0] in ('pyogrio', 'rasterio')}\n"
        "assert after == before, after - before\n"
    )
    subprocess.run([sys.executable, "-c", code, str(file)], check=True, timeout=600)


def test_kml_in_degrees(check, load, tmp_path):
    shape = shapely.box(LON, LAT, LON + 0.001, LAT + 0.001)
    file = write_vector(
        tmp_path / "a.kml", [shape], "LIBKML", crs="EPSG:4326", columns={"Name": ["一号"], "宗地编号": ["K-1"]}
    )
    features, report = load("parcels", file)
    assert (features.ids, features.attributes["name"]) == (("K-1",), ("一号",))
    assert features.geometries[0].area == pytest.approx(shape.area, abs=1e-12)
    assert report.crs in {"EPSG:4326", "OGC:CRS84"}
    assert any("视为相同" in note for note in report.notes)


def test_a_kml_of_two_folders_asks_which(load, refused, tmp_path):
    ring = "113.05,36.25 113.06,36.25 113.06,36.26 113.05,36.25"
    place = (
        "<Placemark><name>{0}</name><Polygon><outerBoundaryIs><LinearRing>"
        f"<coordinates>{ring}</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark>"
    )
    text = '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
    for name in ("甲", "乙"):
        text += f"<Folder><name>{name}</name>{place.format(name)}</Folder>"
    file = tmp_path / "a.kml"
    file.write_text(text + "</Document></kml>", "utf-8")
    (fault,) = refused(load, "parcels", file)
    assert fault.code == "several_layers"
    assert "甲" in fault.zh
    assert "乙" in fault.zh
    features, _ = load("parcels", file, layer_name="乙")
    assert features.attributes["name"] == ("乙",)
    (fault,) = refused(load, "parcels", file, layer_name="丙")
    assert fault.code == "no_such_layer"


def test_dxf_closed_polylines(check, tmp_path):
    file = write_dxf(tmp_path / "a.dxf", [RING, [(x + 500, y) for x, y in RING]])
    found = check(file, crs="EPSG:4547")
    assert [parcel.id for _, parcel in found.parcels] == ["check-1", "check-2"]
    assert found.parcels[1][1].geometry.area == pytest.approx(SECOND.area, abs=0.01)
    assert any("TEXT 1" in text for text in found.report.warnings)
    assert any(
        fault.code == "ring_unclosed"
        for fault in check(write_dxf(file, [RING], closed=False), crs="EPSG:4547").rejected
    )


def test_a_drawing_names_no_crs(check, refused, tmp_path):
    (fault,) = refused(check, write_dxf(tmp_path / "a.dxf", [RING]))
    assert (fault.code, fault.zh) == ("crs_missing", "文件未声明坐标系，请用 --crs 指定")


@pytest.mark.parametrize("kind", ["Z", "M", "ZM"])
def test_heights_and_measures_are_left_out_and_counted(load, tmp_path, kind):
    tail = " 9" * len(kind)
    ring = ", ".join(f"{x} {y}{tail}" for x, y in [*RING, RING[0]])
    file = tmp_path / "a.csv"
    file.write_text(f'DKBH,WKT\nA,"POLYGON {kind} (({ring}))"\n')
    features, report = load("parcels", file, crs="EPSG:4547")
    assert shapely.get_coordinate_dimension(features.geometries[0]) == 2
    assert any("1个图形的高程" in note for note in report.notes)


def test_points_of_a_csv(load, tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("\ufeff名称;经度;纬度\n甲;113.05;36.25\n", "utf-8")
    features, _ = load("power", file, crs="EPSG:4490")
    assert features.geometries[0].equals(shapely.Point(113.05, 36.25))
    assert features.attributes["name"] == ("甲",)


def as_wide_csv(file, *shapes):
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([["id", "wkt"], *([f"A-{i}", shape.wkt] for i, shape in enumerate(shapes))])
    return file


def circle(vertices):
    angles = np.linspace(0, 2 * math.pi, vertices, endpoint=False)
    return shapely.Polygon(np.column_stack([X + 400 * np.cos(angles), Y + 400 * np.sin(angles)]))


def test_a_boundary_of_many_vertices_in_a_csv(check, load, tmp_path):
    shapes = [FIRST, shapely.Point(X, Y).buffer(400, quad_segs=2_000), circle(99_999)]
    assert [len(shape.wkt) > 131_072 for shape in shapes] == [False, True, True]
    file = as_wide_csv(tmp_path / "a.csv", *shapes)
    features, report = load("parcels", file, crs="EPSG:4547")
    assert (features.ids, report.rejected) == (("A-0", "A-1", "A-2"), ())
    for shape, wanted in zip(features.geometries, shapes, strict=True):
        assert shapely.get_num_coordinates(shape) == shapely.get_num_coordinates(wanted)
        assert shape.area == pytest.approx(wanted.area, abs=0.01)
    assert check(file, crs="EPSG:4547").rejected == ()


def test_a_boundary_of_too_many_vertices_in_a_csv_is_told_so(check, tmp_path):
    file = as_wide_csv(tmp_path / "a.csv", FIRST, circle(101_000))
    found = check(file, crs="EPSG:4547")
    assert [(fault.code, fault.row) for fault in found.rejected] == [("geometry_too_complex", 2)]
    assert len(found.parcels) == 1


def test_a_csv_whose_quote_is_never_closed_is_refused(check, refused, tmp_path):
    file = as_wide_csv(tmp_path / "a.csv", shapely.Point(X, Y).buffer(400, quad_segs=2_000), FIRST)
    file.write_bytes(file.read_bytes().rstrip().rstrip(b'"'))
    assert [fault.code for fault in refused(check, file, crs="EPSG:4547")] == ["file_unreadable"]


@pytest.mark.parametrize("with_cpg", [True, False])
def test_gbk_shapefiles_with_and_without_cpg(catalogue, jurisdiction, with_cpg):
    folder = shared("changzhi_admin") / "shp_gbk_cgcs2000"
    stem = "长治区县_CGCS2000_3度带38" if with_cpg else "changzhi_cm114_nocpg"
    zones = catalogue.layers["zones"]
    aliases = {"id": "区划代码", "name": "县区名称"}
    fields = tuple(
        field.model_copy(update={"aliases": (aliases.get(field.name, "-"),), "required": False})
        for field in zones.fields
    )
    features, report = ingest.read_layer(
        zones.model_copy(update={"fields": fields}),
        catalogue,
        jurisdiction,
        folder / f"{stem}.shp",
        edition_date=date(2026, 11, 1),
    )
    assert features.crs == ("EPSG:4526" if with_cpg else "EPSG:4547")
    names = dict(zip(features.ids, features.attributes["name"], strict=True))
    assert (len(names), names["140403"], names["140431"]) == (12, "潞州区", "沁源县")
    assert (report.encoding, report.encoding_how) == ("GBK", "cpg" if with_cpg else "sniffed")
    assert report.area_m2 == pytest.approx(13_945e6, rel=1e-3)


def test_grid_with_scale_and_nodata(load, tmp_path):
    values = np.array([[90_012, 90_100, -32_768], [90_200, 90_300, 90_400]], dtype=np.int32)
    file = write_grid(tmp_path / "a.tif", values, x=X, y=Y, cell=5, crs="EPSG:4547", nodata=-32_768, scale=0.01)
    grid, report = load("ground_elevation", file)
    assert grid.values.dtype == np.float64
    assert grid.values[0, 0] == pytest.approx(900.12)
    assert math.isnan(grid.values[0, 2])
    assert grid.transform == (X, 5.0, 0.0, Y, 0.0, -5.0)
    assert grid.crs == report.crs == "EPSG:4547"
    assert report.warnings == ()
    assert any("无值像元" in note for note in report.notes)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"crs": None}, "crs_missing"),
        ({"crs": "EPSG:3857"}, "crs_not_admitted"),
        ({"y": 400_000.0 + 38e6}, "outside_jurisdiction"),
        ({"nodata": 0.0}, "raster_empty"),
        ({"transform": Affine(5, 1, X, 1, -5, Y)}, "raster_rotated"),
        ({"transform": Affine(5, 0, X, 0, 5, Y)}, "raster_rotated"),
    ],
)
def test_grids_that_are_refused(load, refused, tmp_path, options, code):
    file = write_grid(
        tmp_path / "a.tif", np.zeros((4, 4), np.float32), **({"x": X, "y": Y, "cell": 5, "crs": "EPSG:4547"} | options)
    )
    assert [fault.code for fault in refused(load, "ground_elevation", file)] == [code]


@pytest.mark.parametrize("compress", [None, "deflate"])
@pytest.mark.parametrize("nodata", [None, -9999.0])
@pytest.mark.parametrize(
    "blocks",
    [{"tiled": True, "blockxsize": 64, "blockysize": 64}, {"blockysize": 16}],
    ids=["tiles", "strips"],
)
def test_blocks_that_are_not_in_a_grid_are_no_ground_at_zero(load, tmp_path, blocks, nodata, compress):
    height, width = 130, 150
    file = tmp_path / "a.tif"
    wanted = np.full((height, width), np.nan)
    part = Window(64, 64, 64, 64) if "tiled" in blocks else Window(0, 64, width, 32)
    options = {"sparse_ok": True, **({"compress": compress} if compress else {})}
    with rasterio.open(
        file,
        "w",
        driver="GTiff",
        height=height,
        width=width,
        count=1,
        dtype="float32",
        crs="EPSG:4547",
        transform=Affine(5, 0, X, 0, -5, Y),
        nodata=nodata,
        **blocks,
        **options,
    ) as out:
        values = 900 + np.arange(part.height * part.width, dtype=np.float32).reshape(part.height, part.width)
        values[0, 0] = 0.0
        out.write(values, 1, window=part)
        wanted[part.toslices()] = values
    grid, report = load("ground_elevation", file)
    np.testing.assert_array_equal(grid.values[:, :], wanted)
    assert any(f"缺{8 if 'tiled' in blocks else 7}个数据块" in note for note in report.notes)
    assert any("无值像元" in note for note in report.notes)


def test_a_grid_without_any_block_is_empty(load, refused, tmp_path):
    file = write_large_grid(tmp_path / "a.tif", 64, "float32", 64, 0)
    assert [fault.code for fault in refused(load, "ground_elevation", file)] == ["raster_empty"]


def write_large_grid(file, size, dtype, block, noisy):
    """Write a GeoTIFF of which only the first blocks are there, all of it noise that cannot be compressed."""
    options = {"tiled": True, "blockxsize": block, "blockysize": block, "sparse_ok": True, "compress": "deflate"}
    with rasterio.open(
        file,
        "w",
        driver="GTiff",
        height=size,
        width=size,
        count=1,
        dtype=dtype,
        crs="EPSG:4547",
        transform=Affine(5, 0, X, 0, -5, Y),
        **options,
    ) as out:
        for number in range(noisy):
            values = np.random.default_rng(number).integers(0, 255, (block, block)).astype(dtype)
            # Beyond so many bytes of noise it is only as large as it says.
            values[:, 1024:] = 0
            out.write(values, 1, window=Window(block * number, 0, block, block))
    return file


@pytest.mark.parametrize(
    ("size", "dtype", "block", "noisy"),
    [
        (10_000, "float32", 256, 1),
        (100_000, "float32", 256, 1),
        (16_000, "uint8", 256, 24),  # a file large enough for its cells, of which there are too many
        (4_112, "float32", 4_112, 1),  # and one for its cells, which come in a block that is too large
    ],
    ids=["10k²", "100k²", "too many cells", "too large a block"],
)
def test_a_grid_that_unpacks_to_too_much_is_refused(load, refused, tmp_path, size, dtype, block, noisy):
    file = write_large_grid(tmp_path / "a.tif", size, dtype, block, noisy)
    (fault,) = refused(load, "ground_elevation", file)
    assert fault.code == "raster_too_large"
    assert f"{size} × {size}" in fault.value
    if size < 10_000 or noisy > 1:
        cell = np.dtype(dtype).itemsize
        assert size * size * cell <= gdal.MAX_GRID_RATIO * file.stat().st_size, "refused for what it is meant to be"


def test_what_the_reader_warns_of_stands_in_the_report(load, tmp_path):
    values = np.arange(16, dtype=np.float32).reshape(4, 4) + 900
    file = write_grid(tmp_path / "高程.tif", values, x=X, y=Y, cell=5, crs="EPSG:4547")
    assert load("ground_elevation", file)[1].warnings == ()
    data = bytearray(file.read_bytes())
    start = struct.unpack("<I", data[4:8])[0] + 2
    data[start : start + 24] = data[start + 12 : start + 24] + data[start : start + 12]
    file.write_bytes(data)
    grid, report = load("ground_elevation", file)
    assert (grid.values == values).all()
    assert "not sorted" in "".join(report.warnings)
    assert str(tmp_path) not in "".join(report.warnings) and "/tmp" not in "".join(report.warnings)


def test_what_the_reader_of_shapes_warns_of_stands_in_the_report(check, load, tmp_path):
    shapes = [shapely.MultiPolygon([SECOND, shapely.box(X, Y + 500, X + 50, Y + 550)]), FIRST]
    for name, write in (("a", lambda *given: write_vector(*given, "ESRI Shapefile")), ("b", write_turned)):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "宗地.shp", shapes)
        file = zipped_folder(tmp_path / f"{name}.zip", tmp_path / name)
        features, report = load("parcels", file)
        found = check(file.read_bytes(), file.name)
        assert [shape.equals(wanted) for shape, wanted in zip(features.geometries, shapes, strict=True)] == [True, True]
        for said in (report.warnings, found.report.warnings):
            assert ["winding order" in words for words in said] == [True] * (name == "b")
            assert "/tmp" not in "".join(said)
    assert any("winding order" in line for line in report_lines(report, "parcels"))
    extents = load("parcels", as_gpkg(tmp_path), extent=file)[1]
    assert [words.startswith("b.zip: ") and "winding order" in words for words in extents.warnings] == [True]


def test_what_the_reader_of_layers_warns_of_stands_in_the_report(load, tmp_path):
    places = "".join(
        f"<Placemark><name>{number}</name>{more}<Polygon><outerBoundaryIs><LinearRing><coordinates>113.05,36.25 "
        f"113.06,36.25 113.06,36.26{end}</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark>"
        for number, more, end in (
            (1, '<ExtendedData><Data name="drawOrder"><value>9e99</value></Data></ExtendedData>', " 113.05,36.25"),
            (2, "", ""),
        )
    )
    file = tmp_path / "a.kml"
    file.write_text(f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{places}</Document></kml>')
    features, report = load("parcels", file, quarantine=True)
    assert features.attributes["name"] == ("1",)
    assert [(fault.row, fault.code) for fault in report.rejected] == [(2, "bad_geometry")]
    for words in ("parsed incompletely", "Non closed ring"):
        assert any(words in said for said in report.warnings), report.warnings
    assert "/tmp" not in "".join(report.warnings)


def test_a_vector_file_is_no_raster_layer_and_the_other_way_round(load, refused, tmp_path):
    (fault,) = refused(load, "ground_elevation", as_geojson(tmp_path))
    assert fault.code == "wrong_geometry_kind"
    file = write_grid(tmp_path / "a.tif", np.zeros((4, 4), np.float32), x=X, y=Y, cell=5, crs="EPSG:4547")
    (fault,) = refused(load, "farmland", file)
    assert fault.code == "wrong_geometry_kind"
