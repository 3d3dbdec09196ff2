"""A basemap under a sheet: where it belongs, with its credit and its approval number, and only when it was chosen."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.maps.sheet import Frame
from geo_service.maps.sheet.ground import MOST_PICTURES, ground
from geo_service.projection import LON_LAT, off_square, transformer
from geo_service.service import Service
from tests.sheets.conftest import MANIFEST
from tests.sheets.imagery import middle
from tests.sheets.printing import Press, pixels

CRS = "EPSG:4547"
DESCRIBED = {"tiles": "/basemaps/imagery/{z}/{y}/{x}", "least_zoom": 0, "most_zoom": 18}
PLACED = re.compile(r'href="/basemaps/imagery/(\d+)/(\d+)/(\d+)"[^>]*matrix\(([^)]*)\)')
CASE = MANIFEST["cases"]


@given(
    st.sampled_from([500, 2000, 10_000, 50_000, 200_000]),
    st.floats(380_000.0, 620_000.0),
    st.floats(2_500_000.0, 5_000_000.0),
    st.sampled_from([(137.0, 70.0), (376.0, 248.0)]),
)
def test_every_picture_lies_where_its_ground_is_to_a_twentieth_of_a_millimetre(scale, east, north, size):
    frame = Frame(*size, scale, east, north)
    found = PLACED.findall(ground(frame, CRS, DESCRIBED))
    assert 0 < len(found) <= MOST_PICTURES
    west, _, _, top = frame.ground
    rows, columns = np.array([(row, column) for _, row, column, _ in found], dtype=int).T
    for zoom, row, column, numbers in found:
        a, b, c, d, e, f = map(float, numbers.split())
        u, v = np.array([0.0, 1.0, 0.0, 1.0, 0.5]), np.array([0.0, 0.0, 1.0, 1.0, 0.5])
        square = np.column_stack([int(column) + u, int(row) + v]) / 2 ** int(zoom)
        metres = np.column_stack(transformer(LON_LAT, CRS).transform(*off_square(square).T))
        expected = (metres - (west, top)) * (1, -1) / frame.m_per_mm
        there = np.column_stack([a * u + c * v + e, b * u + d * v + f])
        assert np.abs(there - expected).max() < 0.05
    # A rectangle of tiles without a gap.
    assert len(found) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)


@pytest.mark.chromium
def test_the_basemap_lies_under_the_map_to_scale(press: Press, demo: Service):
    lon, _ = middle(demo)
    crs = demo.verdict(CASE["A"]).crs
    with press.open(f"/parcels/{CASE['A']}/map-sheet?basemap=imagery") as page:
        page.wait_for_load_state("networkidle")
        frame = page.locator(".plan").evaluate("(node) => [node.viewBox.baseVal.width, node.viewBox.baseVal.height]")
        seen = pixels(page.locator(".plan").screenshot(), grey=False).astype(int)
        scale = int(re.sub(r"\D", "", page.locator("footer b").first.inner_text().split(":")[1]))
    verdict = demo.verdict(CASE["A"])
    west, south, east, north = verdict.geometry.bounds
    placed = Frame(*frame, scale, (west + east) / 2, (south + north) / 2)
    left, _, _, top = placed.ground
    mm_per_pixel = frame[0] / seen.shape[1]
    red, blue = ((np.abs(seen - colour) < 16).all(axis=2) for colour in ((255, 102, 102), (102, 102, 255)))
    measured = []
    for y in range(0, seen.shape[0], 7):
        reds, blues = np.flatnonzero(red[y]), np.flatnonzero(blue[y])
        # Only where nothing is drawn over the edge.
        if len(reds) and len(blues) and 0 < blues[0] - reds[-1] < 4:
            northing = top - y * mm_per_pixel * placed.m_per_mm
            _, lat = transformer(crs, LON_LAT).transform(placed.east, northing)
            easting, _ = transformer(LON_LAT, crs).transform(lon, lat)
            measured.append((blues[0] + reds[-1] + 1) / 2 * mm_per_pixel - (easting - left) / placed.m_per_mm)
    assert len(measured) > 5
    assert np.abs(measured).max() < 0.5


@pytest.mark.chromium
@pytest.mark.poppler
@pytest.mark.parametrize("sheet", ["sheet", pytest.param("map-sheet", marks=pytest.mark.slow)])
def test_its_credit_and_approval_number_are_printed(press: Press, sheet: str):
    text = press.print(f"/parcels/{CASE['A']}/{sheet}?basemap=imagery").text()
    assert "底图：影像（CGCS2000）某测绘院审图号：GS(2026)0001号" in text
    assert "basemap:Imagery(CGCS2000),SomesurveymapapprovalnoGS" in press.print(
        f"/parcels/{CASE['A']}/{sheet}?basemap=imagery&lang=en"
    ).text().replace(".", "")
    without = press.print(f"/parcels/{CASE['A']}/{sheet}").text()
    assert "底图：无" in without and "GS(2026)" not in without


def test_a_basemap_that_is_not_registered_is_refused(served):
    for path in (f"/parcels/{CASE['A']}/sheet", f"/parcels/{CASE['A']}/map-sheet", "/map-sheet"):
        answer = served.get(path, params={"basemap": "nobody"})
        assert answer.status_code == 400 and "/basemaps" in answer.json()["detail"]
