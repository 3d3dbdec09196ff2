"""Which CRS a file is in: codes, names as other programs write them, numbers without a name."""

from __future__ import annotations

import pytest
from pyproj import CRS

from geo_service.ingest.crs import admitted, named, resolve

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
