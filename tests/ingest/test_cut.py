"""Files that were cut off on their way: refused, or read whole; never fewer rows, and never another outline."""

from __future__ import annotations

import csv
import re
import zipfile

import ezdxf
import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import settings

from geo_service.errors import InputError
from geo_service.ingest.formats.boundary_txt import AREA_ROUNDING_M2
from tests.ingest.samples import EXAMPLE, LAT, LON, X, Y
from tests.ingest.test_formats import (
    RING,
    SECOND,
    SHAPES,
    as_csv,
    as_filegdb_zip,
    as_geojson,
    as_gpkg,
    as_shapefile_zip,
)
from tests.ingest.writing import write_dxf, write_grid, write_vector, zipped

#: As many cuts as a law has examples: 60, and 200 in CI.
CUTS = settings().max_examples
#: Where a format says that it is at its end, and where a row ends, so many bytes before are tried as well.
NEAR = 12


def cuts(size, *ends):
    drawn = np.random.default_rng(7).integers(1, size, CUTS).tolist()
    near = (range(max(end - NEAR, 1), end + 1) for end in (*ends, size))
    return sorted({*drawn, *(cut for some in near for cut in some if cut < size)})


def as_kml(folder):
    shapes = [shapely.box(LON + west, LAT, LON + west + 0.001, LAT + 0.001) for west in (0, 0.01)]
    columns = {"Name": ["一号", "二号"], "DKBH": ["A-1", "A-2"]}
    return write_vector(folder / "a.kml", shapes, "LIBKML", crs="EPSG:4326", columns=columns)


def as_kmz(folder):
    return zipped(folder / "a.kmz", {"doc.kml": as_kml(folder)})


def as_dxf(folder):
    return write_dxf(folder / "a.dxf", [RING, list(SECOND.exterior.coords)])


def as_binary_dxf(folder):
    file = as_dxf(folder)
    ezdxf.readfile(file).saveas(file, fmt="bin")
    return file


def as_old_dxf(folder):
    """Nothing but entities, as programs without a CAD behind them write it: rows stand to the end."""
    text = "0\nSECTION\n2\nENTITIES\n"
    for shape in SHAPES:
        text += "0\nPOLYLINE\n8\n0\n66\n1\n70\n1\n"
        text += "".join(f"0\nVERTEX\n8\n0\n10\n{x}\n20\n{y}\n" for x, y in shape.exterior.coords[:-1]) + "0\nSEQEND\n"
    (file := folder / "a.dxf").write_text(text + "0\nENDSEC\n0\nEOF\n")
    return file


def read(load, check, file, number, crs):
    """Read a file as a layer or as boundaries to check, in turn; ``None`` when it or a row of it is refused."""
    try:
        if number % 2:
            return list(load("parcels", file, crs=crs)[0].geometries)
        found = check(file, crs=crs)
    except InputError:
        return None
    return None if found.rejected else [parcel.geometry for _, parcel in found.parcels]


@pytest.mark.parametrize(
    "write",
    [
        as_geojson,
        as_gpkg,
        as_shapefile_zip,
        as_filegdb_zip,
        as_kml,
        as_kmz,
        as_dxf,
        as_binary_dxf,
        as_old_dxf,
    ],
)
def test_a_file_cut_anywhere_is_refused_or_read_whole(load, check, tmp_path, caplog, write):
    file = write(tmp_path)
    crs = "EPSG:4547" if file.suffix == ".dxf" else None
    data = file.read_bytes()
    whole = read(load, check, file, 0, crs)
    assert len(whole) == 2
    refused = 0
    tried = cuts(len(data))
    for number, cut in enumerate(tried):
        file.write_bytes(data[:cut])
        found = read(load, check, file, number, crs)
        refused += found is None
        assert found is None or shapely.to_wkb(found).tolist() == shapely.to_wkb(whole).tolist(), cut
    # Blanks at the end are all that may be missing.
    assert refused >= len(tried) * 0.9
    assert "failed" not in caplog.text, "every damage is one that was foreseen"


#: What is needed to read the rows.
NEEDED = (".shp", ".shx", ".dbf", ".kml", ".gdbtable", ".gdbtablx")


@pytest.mark.parametrize("write", [as_shapefile_zip, as_filegdb_zip, as_kmz])
def test_a_file_cut_before_it_was_zipped_is_refused_or_read_whole(load, check, tmp_path, write):
    file = write(tmp_path)
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in sorted(archive.namelist())}
    whole = read(load, check, file, 0, None)
    rng = np.random.default_rng(7)
    for number in range(CUTS):
        name = list(members)[number % len(members)]
        content = members[name]
        zipped(file, {**members, name: content[: rng.integers(0, len(content))]})
        found = read(load, check, file, number // len(members), None)
        assert found is None or not name.endswith(NEEDED), name
        assert found is None or shapely.to_wkb(found).tolist() == shapely.to_wkb(whole).tolist(), name


def overviewed(folder):
    file = write_grid(folder / "a.tif", ground(), **PLACE, tiled=True, blockxsize=64, blockysize=64)
    with rasterio.open(file, "r+") as grid:
        grid.build_overviews([2, 4])
    return file


def ground():
    return (900 + np.random.default_rng(7).random((200, 200))).astype(np.float32)


PLACE = {"x": X, "y": Y, "cell": 5, "crs": "EPSG:4547"}
GRIDS = {
    "strips": {},
    "tiles": {"tiled": True, "blockxsize": 64, "blockysize": 64, "nodata": -9999.0},
    "packed": {"compress": "deflate", "predictor": 3},
    "packed tiles": {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "lzw"},
    "large": {"BIGTIFF": "YES"},
}


@pytest.mark.parametrize(
    "write",
    [
        *(
            pytest.param(lambda folder, more=more: write_grid(folder / "a.tif", ground(), **PLACE, **more), id=name)
            for name, more in GRIDS.items()
        ),
        overviewed,
    ],
)
def test_a_grid_cut_anywhere_is_refused_or_read_whole(load, tmp_path, caplog, write):
    file = write(tmp_path)
    data = file.read_bytes()
    whole, _ = load("ground_elevation", file)
    np.testing.assert_array_equal(whole.values, ground())
    lost, tried = 0, cuts(len(data))
    for cut in tried:
        file.write_bytes(data[:cut])
        try:
            found, _ = load("ground_elevation", file)
        except InputError:
            lost += 1
            continue
        assert (found.transform, found.crs) == (whole.transform, whole.crs), cut
        np.testing.assert_array_equal(found.values, whole.values)
    # Behind the cells there are at most overviews.
    assert lost > len(tried) / 4
    assert "failed" not in caplog.text


# Formats of lines do not say how many rows there are: one that was cut between two rows is a whole file of fewer.
# Within a row a cut is seen.


def as_txt(folder):
    # Each line ends with decimals, which a cut may take.
    (file := folder / "a.txt").write_text(EXAMPLE.replace(".000\n", ".123\n"), "gbk")
    return file


def as_txt_without_areas(folder):
    file = as_txt(folder)
    file.write_text(re.sub(r"^(\d+),[\d.]+,C", r"\1,,C", file.read_text("gbk"), flags=re.MULTILINE), "gbk")
    return file


def as_wkt_first(folder):
    with (file := folder / "a.csv").open("w", encoding="gbk", newline="") as out:
        csv.writer(out).writerows([["WKT", "DKBH"], *([shape.wkt, f"A-{i}"] for i, shape in enumerate(SHAPES))])
    return file


def as_points(folder):
    rows = "".join(f"变电站{i},113.05{i}25,36.25{i}75\n" for i in range(4))
    (file := folder / "a.csv").write_text(f"名称,经度,纬度\n{rows}", "gbk")
    return file


@pytest.mark.parametrize(
    ("write", "layer", "crs", "last"),
    [
        (as_txt, "parcels", None, rb"^J.*$(?=\n(?:\d|\Z))"),
        (as_txt_without_areas, "parcels", None, rb"^J.*$(?=\n(?:\d|\Z))"),
        (as_csv, "parcels", "EPSG:4547", rb'\)"'),
        (as_wkt_first, "parcels", "EPSG:4547", rb'\)",A-\d'),
        (as_points, "power", "EPSG:4490", rb"75$"),
    ],
    ids=["TXT", "TXT without areas", "WKT", "WKT before another column", "points"],
)
def test_a_file_of_lines_cut_within_a_row_is_refused_or_its_rows_are_whole(
    load, tmp_path, caplog, write, layer, crs, last
):
    file = write(tmp_path)
    data = file.read_bytes()
    whole = list(load(layer, file, crs=crs)[0].geometries)
    ends = [match.end() for match in re.finditer(last, data, flags=re.MULTILINE)]
    assert len(ends) == len(whole) > 1
    lines = [match.end() for match in re.finditer(rb"\n", data)]
    lost, tried = 0, sorted({*cuts(len(data), *ends), *lines[:-1]})
    for cut in tried:
        file.write_bytes(data[:cut])
        try:
            features, report = load(layer, file, crs=crs)
        except InputError:
            lost += 1
            continue
        said = (*report.warnings, *report.repairs)
        end = ends[len(features) - 1]
        # Not a byte of another row is there; what is missing of the last one is told.
        assert cut <= end + len("\r\n")
        assert cut >= end or said, cut
        for shape, wanted in zip(features.geometries, whole, strict=False):
            # That no more is missing than the last digits of a number is shown by the area of the head line.
            near = write is as_txt and said and shape.symmetric_difference(wanted).area <= AREA_ROUNDING_M2
            assert near or shape.equals(wanted), cut
    assert lost > len(tried) / 2
    assert "failed" not in caplog.text


def test_a_coordinate_that_may_be_cut_is_a_rejected_row(load, refused, tmp_path):
    file = as_points(tmp_path)
    file.write_bytes(file.read_bytes()[:-3])
    (fault,) = refused(load, "power", file, crs="EPSG:4490")
    assert (fault.code, fault.row, fault.value) == ("truncated", 4, "36.253")
    assert "换行" in fault.next_zh and fault.next_en
    features, report = load("power", file, crs="EPSG:4490", quarantine=True)
    assert (len(features), report.read, len(report.rejected)) == (3, 4, 1)
