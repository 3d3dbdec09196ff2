"""Which CRS a file is in: codes, names as other programs write them, numbers without a name."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from pyproj import CRS

from geo_service.ingest.crs import admitted, named, resolve
from geo_service.projection import LON_LAT, project
from tests.ingest.samples import LAT, LON
from tests.ingest.writing import write_vector

ESRI = (
    'PROJCS["{name}",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",DATUM["D_China_2000",'
    'SPHEROID["CGCS2000",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],'
    'PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",{east}],PARAMETER["False_Northing",0.0],'
    'PARAMETER["Central_Meridian",{lon}],PARAMETER["Scale_Factor",1.0],PARAMETER["Latitude_Of_Origin",0.0],'
    'UNIT["Meter",{unit}]]'
)

TO_WGS84 = (
    'GEOGCS["China Geodetic Coordinate System 2000",DATUM["China_2000",'
    'SPHEROID["CGCS2000",6378137,298.257222101],TOWGS84[{}]],PRIMEM["Greenwich",0],'
    'UNIT["degree",0.0174532925199433]]'
)


def esri(name, east, lon, unit="1.0"):
    return ESRI.format(name=name, east=east, lon=lon, unit=unit)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("EPSG:4547", "EPSG:4547"),
        ("4547", "EPSG:4547"),
        ("epsg:4490", "EPSG:4490"),
        ("urn:ogc:def:crs:EPSG::4526", "EPSG:4526"),
        ("http://www.opengis.net/def/crs/EPSG/0/4490", "EPSG:4490"),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", "OGC:CRS84"),
        ("CGCS2000 / 3-degree Gauss-Kruger CM 114E", "EPSG:4547"),
        (esri("CGCS2000_3_Degree_GK_Zone_38", 38_500_000.0, 114.0), "EPSG:4526"),
        (esri("CGCS2000_3_Degree_GK_CM_114E", 500_000.0, 114.0), "EPSG:4547"),
        (esri("长治地方名称", 500_000.0, 114.0), "EPSG:4547"),
        (esri("unnamed", 38_500_000.0, 114.0).replace("D_China_2000", "unknown"), "EPSG:4526"),
        (esri("x", 500_000.0, 114.0).replace("D_China_2000", "CGCS_2000"), "EPSG:4547"),
        (CRS("EPSG:4547").to_wkt("WKT1_ESRI"), "EPSG:4547"),
        (CRS("EPSG:4526").to_wkt("WKT1_GDAL"), "EPSG:4526"),
        (CRS("EPSG:4497").to_wkt("WKT2_2019"), "EPSG:4497"),
        (CRS("EPSG:4490").to_wkt("WKT1_ESRI"), "EPSG:4490"),
        (CRS("EPSG:4326").to_wkt("WKT1_ESRI"), "EPSG:4326"),
        (TO_WGS84.format("0,0,0,0,0,0,0"), "EPSG:4490"),
    ],
)
def test_names_that_mean_an_admitted_crs(jurisdiction, text, code):
    assert named(text, jurisdiction, "a") == code


@pytest.mark.parametrize(
    "text",
    [
        "EPSG:3857",
        "EPSG:32649",
        "EPSG:4610",
        CRS("EPSG:2362").to_wkt("WKT1_ESRI"),
        CRS("EPSG:2414").to_wkt("WKT1_ESRI"),
        CRS("EPSG:32649").to_wkt("WKT1_ESRI"),
        esri("shifted", 500_123.0, 114.0),
        esri("feet", 500_000.0, 114.0, "0.3048"),
        esri("odd meridian", 500_000.0, 113.5),
        'LOCAL_CS["工程坐标系",UNIT["Meter",1.0]]',
        TO_WGS84.format("500,300,0,0,0,0,0"),
        "+proj=longlat +ellps=GRS80 +towgs84=100,200,300",
        "+proj=longlat +nadgrids=/etc/passwd",
        "EPSG:4978",
        "",
    ],
)
def test_what_is_not_admitted_is_refused(jurisdiction, refused, text):
    (fault,) = refused(named, text, jurisdiction, "a")
    assert fault.code == "crs_not_admitted"


def test_the_option_counts_and_the_overruled_declaration_is_told(jurisdiction):
    assert resolve("EPSG:4547", None, "", jurisdiction, "a") == ("EPSG:4547", "option", None)
    assert resolve("EPSG:4547", "EPSG:4547", "prj", jurisdiction, "a") == ("EPSG:4547", "option", None)
    code, how, note = resolve("EPSG:4547", "EPSG:3857", "prj", jurisdiction, "a")
    assert (code, how) == ("EPSG:4547", "option")
    assert "EPSG:3857" in note
    assert resolve(None, "EPSG:4526", "prj", jurisdiction, "a") == ("EPSG:4526", "prj", None)


def test_every_admitted_crs_is_found_again_from_the_text_of_a_prj(jurisdiction):
    for code in admitted(jurisdiction):
        found = named(CRS(code).to_wkt("WKT1_ESRI"), jurisdiction, "a")
        assert found == code or {found, code} <= {"EPSG:4326", "OGC:CRS84"}


def round_boundary(crs, lon, lat, odd=None, radius=0.002, count=80):
    """Return a boundary of many corners in a CRS, of which one may be put elsewhere; that is in the CRS itself."""
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    points = np.column_stack([lon + radius * np.cos(angles), lat + radius * np.sin(angles)])
    points = shapely.get_coordinates(project(shapely.multipoints(points), LON_LAT, crs))
    if odd is not None:
        points[count // 3] = odd
    return shapely.Polygon(points)


def metres(crs, lon, lat, plus=0.0):
    point = project(shapely.Point(lon, lat), LON_LAT, crs)
    return point.x + plus, point.y


#: A CRS, a corner in it, and what is said of that; ``None`` where the corner may be.
ODD = [
    # The box of the jurisdiction reaches to 136°E and 54°N, longitude and latitude over the world.
    pytest.param("OGC:CRS84", (135.99, LAT), None, id="inside the box"),
    pytest.param("OGC:CRS84", (136.01, LAT), "outside_jurisdiction", id="east of the box"),
    pytest.param("OGC:CRS84", (LON, 54.01), "outside_jurisdiction", id="north of the box"),
    pytest.param("OGC:CRS84", (LON, -LAT), "outside_jurisdiction", id="south of the equator"),
    pytest.param("OGC:CRS84", (0.0, 0.0), "outside_jurisdiction", id="nowhere"),
    pytest.param("OGC:CRS84", (LAT, LON), "axes_swapped", id="swapped"),
    pytest.param("OGC:CRS84", metres("EPSG:4547", LON, LAT), "metres_as_degrees", id="metres"),
    # EPSG:4490 is made for 16.7°N to 53.56°N, EPSG:4547 for 112.5°E to 115.5°E; a degree more may be.
    pytest.param("EPSG:4490", (LON, 15.71), None, id="within the margin of the CRS"),
    pytest.param("EPSG:4490", (LON, 15.69), "outside_jurisdiction", id="beyond the margin of the CRS"),
    pytest.param("EPSG:4547", metres("EPSG:4547", 116.49, LAT), None, id="metres within the margin"),
    pytest.param("EPSG:4547", metres("EPSG:4547", 116.51, LAT), "outside_jurisdiction", id="metres beyond the margin"),
    pytest.param("EPSG:4547", (0.0, 0.0), "outside_jurisdiction", id="metres nowhere"),
    pytest.param("EPSG:4547", metres("EPSG:4547", LON, LAT)[::-1], "axes_swapped", id="metres swapped"),
    pytest.param("EPSG:4547", metres("EPSG:4526", LON, LAT), "wrong_zone", id="a zone where there is none"),
    pytest.param("EPSG:4526", metres("EPSG:4526", LON, LAT, 1e6), "wrong_zone", id="the next zone"),
    pytest.param("EPSG:4526", metres("EPSG:4547", LON, LAT), "wrong_zone", id="no zone where there is one"),
    pytest.param("EPSG:4526", metres("EPSG:4527", LON + 3, LAT), "wrong_zone", id="a place in the next zone"),
]


@pytest.mark.parametrize("driver", ["GeoJSON", "GPKG", "ESRI Shapefile"])
@pytest.mark.parametrize(("crs", "odd", "code"), ODD)
def test_a_file_of_which_one_corner_of_many_cannot_be_where_it_is_is_refused_naming_its_row(
    check, load, refused, tmp_path, driver, crs, odd, code
):
    shapes = [round_boundary(crs, LON + 0.01 * number, LAT, odd if number == 3 else None) for number in range(5)]
    names = {"id": [f"A-{number}" for number in range(5)]}
    suffix = {"GeoJSON": "geojson", "GPKG": "gpkg", "ESRI Shapefile": "shp"}[driver]
    file = write_vector(tmp_path / f"a.{suffix}", shapes, driver, crs=crs, columns=names)
    # A corner far away makes another outline of a boundary, which may have to be mended; that is asked elsewhere.
    found = check(file, crs=crs)
    if code is None:
        assert found.rejected == ()
        return
    assert [(fault.row, fault.id, fault.code) for fault in found.rejected] == [(4, "A-3", code)]
    assert [parcel.id for _, parcel in found.parcels] == ["A-0", "A-1", "A-2", "A-4"]
    for layer in ("parcels", "heritage"):
        (fault,) = refused(load, layer, file, crs=crs)
        assert (fault.row, fault.id, fault.code) == (4, "A-3", code)
        assert fault.value == f"{odd[0]:.10g}, {odd[1]:.10g} ({crs})"
        assert fault.next_zh and fault.next_en
        features, report = load(layer, file, crs=crs, quarantine=True)
        assert features.ids == ("A-0", "A-1", "A-2", "A-4")
        assert [fault.row for fault in report.rejected] == [4]
