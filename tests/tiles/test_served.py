"""Tiles as a map asks for them: by address, with a tag that holds until something changes."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import shapely

from geo_service import service as services
from geo_service.api.app import create_app
from geo_service.projection import lon_lat, on_square
from geo_service.service import Service
from geo_service.store.definitions import bundled
from geo_service.store.workspace import Workspace
from geo_service.tiles import Square, cut, laid
from tests import world
from tests.api.serving import AS_OF, OPEN, build, report_of, run, running
from tests.tiles.decoding import decoded

MVT = "application/vnd.mapbox-vector-tile"
ZOOM = 14


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return build(tmp_path_factory.mktemp("tiles") / "ws", bundled()[0])


@pytest.fixture(scope="module")
def served(workspace):
    service = Service(workspace, lambda: AS_OF)
    # Examined and cut once before anybody waits: what is compiled is compiled then.
    snapshot = service.snapshot()
    assert set(service.statuses(snapshot, service.as_of(None))) == set(service.parcels)
    assert cut(laid(snapshot.layers.features("parcels"), []), Square(0, 0, 0))
    with running(create_app(service, policy=OPEN), service) as found:
        yield found


def address(service: Service, parcel: str = "P", zoom: int = ZOOM, collection: str = "verdicts") -> str:
    known = service.parcels[parcel]
    place = shapely.get_coordinates(lon_lat(known.geometry, known.crs).representative_point())
    column, row = (on_square(place)[0] * 2**zoom).astype(int)
    return f"/collections/{collection}/tiles/WebMercatorQuad/{zoom}/{row}/{column}"


def features(served, path: str, layer: str = "parcels") -> dict[str, dict]:
    answer = served.get(path)
    assert answer.status_code == 200
    return {feature.properties["id"]: feature.properties for feature in decoded(answer.content)[layer]}


def test_a_tile_says_of_each_parcel_what_the_record_says(served):
    found = features(served, address(served.service))
    assert found
    for id_, properties in found.items():
        assert properties["verdict"] == served.service.record(id_)["verdict"]["status"]
        assert properties.get("name") == served.service.parcels[id_].name


def test_every_parcel_is_in_some_tile(served):
    seen = set()
    for id_ in served.service.parcels:
        seen |= set(features(served, address(served.service, id_)))
    assert seen == set(served.service.parcels)


def test_a_date_may_be_asked_about(served):
    later = served.get(address(served.service), params={"as_of": "2031-01-01"})
    assert later.headers["etag"] != served.get(address(served.service)).headers["etag"]
    found = {one.properties["id"]: one.properties["verdict"] for one in decoded(later.content)["parcels"]}
    assert found["P"] == served.service.record("P", date(2031, 1, 1))["verdict"]["status"]


def test_layers_that_may_be_seen_have_tiles_without_what_is_private(served):
    (collection,) = [one for one in served.get("/collections").json()["collections"] if one["id"] == "water_mains"]
    tilesets = next(link["href"] for link in collection["links"] if link["rel"].endswith("tilesets-vector"))
    (tileset,) = served.get(tilesets).json()["tilesets"]
    template = next(link for link in tileset["links"] if link["rel"] == "item")
    assert template["type"] == MVT and template["templated"] is True
    *_, zoom, row, column = address(served.service, zoom=10).split("/")
    answer = served.get(template["href"].format(tileMatrix=zoom, tileRow=row, tileCol=column))
    assert answer.headers["content-type"] == MVT
    assert decoded(answer.content)["water_mains"]
    assert "holder" not in str(features(served, address(served.service, collection="parcels")))


@pytest.mark.parametrize("collection", ["zones", "parcels", "verdicts", "water_mains"])
def test_a_tileset_names_the_layers_its_tiles_hold(served, collection):
    (tileset,) = served.get(f"/collections/{collection}/tiles").json()["tilesets"]
    listed = [layer["id"] for layer in tileset["layers"]]
    held = set(decoded(served.get(address(served.service, zoom=10, collection=collection)).content))
    assert held and held <= set(listed)
    assert listed == [listed[0], f"{listed[0]}_counts"], "and those of crowded tiles"


def test_the_matrix_set_is_defined(served):
    (listed,) = served.get("/tileMatrixSets").json()["tileMatrixSets"]
    found = served.get(listed["links"][0]["href"]).json()
    assert found["id"] == "WebMercatorQuad"
    assert [one["matrixWidth"] for one in found["tileMatrices"]] == [2**zoom for zoom in range(23)]


def test_what_has_not_changed_is_not_sent_again(served):
    first = served.get(address(served.service))
    assert first.headers["content-encoding"] == "gzip"
    again = served.get(address(served.service), headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = served.get(address(served.service), headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == first.content
    assert plain.headers["etag"] != first.headers["etag"]


def test_where_nothing_lies_there_is_no_content(served):
    answer = served.get("/collections/parcels/tiles/WebMercatorQuad/14/0/0")
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("parcels/tiles/WebMercatorQuad/2/4/0", 404),
        ("parcels/tiles/WebMercatorQuad/23/0/0", 404),
        ("parcels/tiles/WebMercatorQuad/2/-1/0", 404),
        ("parcels/tiles/WebMercatorQuad/two/0/0", 400),
        ("parcels/tiles/WebMercatorQuad/2/0/0?as_of=2026-12-01", 400),
        ("parcels/tiles/WebMercatorQuad/2/0/0?colour=red", 400),
        ("verdicts/tiles/WebMercatorQuad/2/0/0?as_of=soon", 400),
        ("parcels/tiles/Elsewhere/2/0/0", 404),
        ("nothing/tiles/WebMercatorQuad/2/0/0", 404),
        ("flood_depth/tiles/WebMercatorQuad/2/0/0", 404),
    ],
)
def test_wrong_addresses_are_refused_with_a_reason(served, path, status):
    answer = served.get(f"/collections/{path}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] and answer.json()["detail_en"]


def test_a_new_edition_changes_the_tag_and_the_tile(served, workspace):
    path = address(served.service, collection="zones", zoom=9)
    before, parcels = served.get(path), served.get(address(served.service)).headers["etag"]
    zones = workspace.layer_set().features("zones")
    moved = replace(zones, geometries=np.array([shapely.affinity.translate(one, 5.0) for one in zones.geometries]))
    workspace.publish(moved, report_of(moved))
    after = served.get(path, headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.headers["etag"] != before.headers["etag"]
    assert served.get(address(served.service)).headers["etag"] is not None
    workspace.publish(zones, report_of(zones))
    assert served.get(path).headers["etag"] == before.headers["etag"]
    assert served.get(address(served.service)).headers["etag"] == parcels


def test_of_many_parcels_the_last_run_over_all_is_told_and_nothing_older(tmp_path, monkeypatch):
    monkeypatch.setattr(services, "FEW_PARCELS", 3)
    workspace = build(tmp_path / "ws", bundled()[0])
    service = Service(workspace, lambda: AS_OF)

    def told(chosen: date | None = None) -> dict[str, str]:
        return service.statuses(service.snapshot(), service.as_of(chosen))

    assert told() == {}
    run(workspace, ids=["P"])
    assert told() == {}, "a run over one parcel says nothing of the others"
    run(workspace)
    expected = {id_: service.record(id_)["verdict"]["status"] for id_ in service.parcels}
    assert told() == expected
    assert told(date(2031, 1, 1)) == {}
    run(workspace, date(2031, 1, 1))
    assert set(told(date(2031, 1, 1))) == set(expected)
    assert told(date(2031, 1, 1)) != expected
    # Only the parcel whose planned notice date is another was concluded on that date by no run since.
    run(workspace)
    assert told() == expected
    owned = world.ready_world().parcel
    workspace.register.put(claims=[replace(claim, parcel_id="N") for claim in owned.claims])
    assert told() == {}, "what was concluded before a claim came in is not told as if it still held"
    run(workspace)
    assert set(told()) == set(expected)
    zones = workspace.layer_set().features("zones")
    moved = replace(zones, geometries=np.array([shapely.affinity.translate(one, 5.0) for one in zones.geometries]))
    workspace.publish(moved, report_of(moved))
    assert told() == {}


@pytest.mark.gdal_tools
def test_gdal_opens_what_was_served(served, tmp_path):
    path = address(served.service)
    *_, zoom, row, column = path.split("/")
    file = tmp_path / "tile.pbf"
    file.write_bytes(served.get(path).content)
    where = (f"X={column}", f"Y={row}", f"Z={zoom}")
    told = subprocess.run(
        ["ogrinfo", "-q", "-al", "-geom=NO", f"MVT:{file}", *(part for pair in where for part in ("-oo", pair))],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert told.stderr == ""
    assert "id (String) = P\n" in told.stdout
    assert "示例地块" in told.stdout
