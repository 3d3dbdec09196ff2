"""Coordinates in the CRS a client asks for, axes as the authority lists them; and the same as a page to read."""

from __future__ import annotations

from urllib.parse import quote

import pytest
import shapely
from pyproj import Transformer

from tests.api.serving import ODD

URI = "http://www.opengis.net/def/crs/EPSG/0/{}"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
ITEMS = "/collections/parcels/items"


def shapes(page: dict) -> dict[str, shapely.Geometry]:
    return {entry["id"]: shapely.geometry.shape(entry["geometry"]) for entry in page["features"]}


@pytest.mark.parametrize("number", [4490, 4326, 4547])
def test_coordinates_come_in_the_axis_order_of_the_authority(served, number):
    plain = served.get(ITEMS)
    assert plain.headers["content-crs"] == f"<{CRS84}>"
    other = served.get(ITEMS, params={"crs": URI.format(number)})
    assert other.headers["content-crs"] == f"<{URI.format(number)}>"
    # Without always_xy, that is with the axes of the authority.
    change = Transformer.from_crs("OGC:CRS84", f"EPSG:{number}")
    found, known = shapes(other.json()), shapes(plain.json())
    assert found.keys() == known.keys()
    for name, geometry in found.items():
        x, y = change.transform(*shapely.get_coordinates(known[name])[0])
        corner = shapely.Point(x, y)
        assert geometry.boundary.distance(corner) < (1e-7 if number != 4547 else 0.02)


def test_a_parcel_comes_back_as_it_was_measured(served, service):
    own = shapes(served.get(ITEMS, params={"crs": URI.format(4547)}).json())
    data = service.snapshot().layers.editions["parcels"].data
    assert data.crs == "EPSG:4547"
    for name, geometry in zip(data.ids, data.geometries, strict=True):
        east_north = shapely.transform(own[name], lambda points: points[:, ::-1])
        assert shapely.hausdorff_distance(east_north, geometry) < 2e-4
        assert len(shapely.get_coordinates(east_north)) == len(shapely.get_coordinates(geometry))


def test_a_box_is_read_in_the_crs_it_is_said_to_be_in(served):
    west, south, east, north = shapes(served.get(ITEMS).json())["P"].buffer(-1e-5).bounds
    plain = served.get(ITEMS, params={"bbox": f"{west},{south},{east},{north}"}).json()
    turned = served.get(ITEMS, params={"bbox": f"{south},{west},{north},{east}", "bbox-crs": URI.format(4490)}).json()
    assert [entry["id"] for entry in turned["features"]] == [entry["id"] for entry in plain["features"]]
    assert "P" in shapes(turned)
    change = Transformer.from_crs("OGC:CRS84", "EPSG:4547")
    (low_n, low_e), (high_n, high_e) = change.transform(west, south), change.transform(east, north)
    projected = {"bbox": f"{low_n},{low_e},{high_n},{high_e}", "bbox-crs": URI.format(4547)}
    assert "P" in shapes(served.get(ITEMS, params=projected).json())


def test_the_lower_corner_of_a_box_comes_first_whatever_the_order_of_its_axes(served):
    west, south, east, north = shapes(served.get(ITEMS).json())["P"].bounds
    change = Transformer.from_crs("OGC:CRS84", "EPSG:4547")
    (low_n, low_e), (high_n, high_e) = change.transform(west, south), change.transform(east, north)
    for code, box in (
        (4490, f"{north},{west},{south},{east}"),
        (4547, f"{high_n},{low_e},{low_n},{high_e}"),
        # Metres do not go round the earth.
        (4547, f"{low_n},{high_e},{high_n},{low_e}"),
        (4547, "1e300,1e300,1e301,1e301"),
    ):
        answer = served.get(ITEMS, params={"bbox": box, "bbox-crs": URI.format(code)})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad-parameter"), box
        assert "bbox-crs" in answer.json()["detail"]


def test_a_crs_that_is_not_listed_is_refused(served):
    for name in ("crs", "bbox-crs"):
        answer = served.get(ITEMS, params={name: URI.format(3857), "bbox": "113,36,114,37"})
        assert answer.status_code == 400
        assert name in answer.json()["detail"]


def test_collections_list_their_crss_and_the_one_they_are_kept_in(served):
    body = served.get("/collections").json()
    for entry in body["collections"]:
        assert entry["crs"] == body["crs"]
        assert entry["crs"][0] == CRS84 and URI.format(4490) in entry["crs"] and URI.format(4547) in entry["crs"]
        assert entry["storageCrs"] == URI.format(4490)


def test_one_item_in_another_crs(served):
    answer = served.get(f"{ITEMS}/P", params={"crs": URI.format(4490)})
    assert answer.headers["content-crs"] == f"<{URI.format(4490)}>"
    latitude, longitude = answer.json()["geometry"]["coordinates"][0][0][:2]
    assert 36 < latitude < 37 and 113 < longitude < 115


BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_a_browser_gets_pages(served):
    for path in ("/collections/parcels", ITEMS, f"{ITEMS}/P", "/collections/verdicts/items?limit=5"):
        answer = served.get(path, headers=BROWSER)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["vary"].startswith("Accept")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert served.get(path, headers=BROWSER, params={"f": "json"} if "?" not in path else None).status_code == 200
    first = served.get("/collections/verdicts/items?limit=5&f=html")
    assert "下一页" in first.text and "after=" in first.text
    assert served.get(f"{ITEMS}?f=json", headers=BROWSER).headers["content-type"].startswith("application/geo+json")


def test_names_are_text_on_pages(served):
    text = served.get(f"{ITEMS}?limit=1000&f=html").text
    assert "<b>" not in text and "&lt;b&gt;" in text
    assert served.get(f"{ITEMS}/{quote(ODD, safe='')}?f=html").status_code == 200
