"""A key for some zones: what belongs to the others is not there, on no route, in no count, in no cache."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_service.engine import own_part
from geo_service.errors import NotFound
from geo_service.model.access import Role
from geo_service.model.layer import LayerSet
from geo_service.projection import lon_lat
from tests import world
from tests.access.asking import ROUTES
from tests.access.conftest import OTHER

OURS, THEIRS = "planner of Z", "planner of other"
#: What each route is asked with, so that it answers; the rest needs nothing.
QUERIES = {
    "GET /compare": ["?parcels=P,A-2"],
    "GET /tender-packages": ["?ids=P,A-2&force=true", "?ids=P&force=true&profile=internal"],
    "GET /parcels/{parcel_id}/tender-package": ["?force=true", "?force=true&profile=internal"],
    "GET /parcels/{parcel_id}/tender-package.geojson": ["?force=true", "?force=true&profile=internal"],
    "GET /map": ["", "?draw=canvas"],
}
#: These concern the whole workspace, and say so.
FOR_ALL_ZONES = [route for route in ROUTES if any(need.whole for need in route.needs)]


def text_of(answer) -> str:
    """Everything an answer says, the members of an archive included."""
    content = answer.content
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            content = b"".join(name.encode() + archive.read(name) for name in archive.namelist())
    return content.decode("utf-8", "replace")


def reads(guarded) -> list[str]:
    """Every address that can be read, with ids of our own zone."""
    collections = [
        one["id"] for one in guarded.served.get("/collections", headers=guarded.keys[OURS]).json()["collections"]
    ]
    found = []
    for route in ROUTES:
        # Basemaps are the same for everybody.
        if route.method != "GET" or route in FOR_ALL_ZONES or route.path.startswith("/basemaps/"):
            continue
        own = {"parcel_id": "P", "tms": "WebMercatorQuad", "feature_id": "0"}
        for collection in collections if "{collection_id}" in route.path else [""]:
            tiles = (tile_of(zoom) for zoom in (0, 11, 14)) if "{zoom}" in route.path else [{}]
            for tile in tiles:
                path = route.at(collection_id=collection, **own, **tile)
                found += [path + query for query in QUERIES.get(str(route), [""])]
    return found


def tile_of(zoom: int) -> dict[str, str]:
    """The tile in which both zones begin, at zooms where they share one."""
    place = lon_lat(world.box(3000, 0, 3001, 1), world.CRS).centroid
    side = 1 << zoom
    row = (1 - np.arcsinh(np.tan(np.radians(place.y))) / np.pi) / 2 * side
    return {"zoom": str(zoom), "row": str(int(row)), "col": str(int((place.x + 180) / 360 * side))}


def test_no_answer_names_what_belongs_to_another_zone(guarded):
    named = 0
    for path in reads(guarded):
        ours = guarded.served.get(path, headers=guarded.keys[OURS])
        assert ours.status_code in (200, 204, 404), (path, ours.text[:300])
        assert OTHER not in text_of(ours), path
        named += OTHER in text_of(guarded.served.get(path, headers=guarded.keys["planner"]))
    # Whoever may see all is told of it on many of them, so the look above could have failed.
    assert named > 15


@pytest.mark.parametrize("id_", [f"{OTHER}-1", f"{OTHER}-2", f"{OTHER}-no-zone"])
def test_a_foreign_parcel_is_one_that_there_is_not(guarded, id_):
    body = {
        "service": "WATER", "kind": "permanent", "reach": "to_boundary", "document": "x", "issuer": "x",
        "dated_on": "2026-10-08", "entered_by": "a", "reviewed_by": "b",
    }  # fmt: skip
    before = guarded.workspace.register.audit()
    for route in ROUTES:
        if "{parcel_id}" not in route.path:
            continue
        sent = {"json": body} if route.path.endswith("/claims") else {}
        there = guarded.served.client.request(route.method, route.at(parcel_id=id_), headers=guarded.keys[OURS], **sent)
        none = guarded.served.client.request(
            route.method, route.at(parcel_id="none"), headers=guarded.keys[OURS], **sent
        )
        assert there.status_code == none.status_code == 404, (str(route), there.text[:200])
        assert there.json()["detail"].replace(id_, "none") == none.json()["detail"], str(route)
    for path in (
        f"/compare?parcels=P,{id_}",
        f"/tender-packages?ids=P,{id_}&force=true",
        f"/collections/parcels/items/{id_}",
        f"/collections/verdicts/items/{id_}",
    ):
        assert guarded.served.get(path, headers=guarded.keys[OURS]).status_code == 404, path
    chosen = guarded.served.client.post("/map/list.xlsx", json={"ids": ["P", id_]}, headers=guarded.keys[OURS])
    assert chosen.status_code == 404
    assert guarded.workspace.register.audit() == before
    assert guarded.workspace.register.verdicts_of(id_) == ()


def test_features_of_other_layers_belong_to_the_zone_on_whose_ground_they_lie(guarded):
    def ids(layer: str, who: str) -> set[str]:
        answer = guarded.served.get(f"/collections/{layer}/items", headers=guarded.keys[who]).json()
        assert answer["numberMatched"] == answer["numberReturned"] == len(answer["features"])
        return {feature["id"] for feature in answer["features"]}

    assert ids("geohazard", OURS) == {"survey", "border-slope", "nobodys-slope"}
    assert ids("geohazard", THEIRS) == {"survey", "border-slope", "nobodys-slope", f"{OTHER}-slope"}
    assert ids("zones", OURS) == {"Z-V1"} and ids("zones", THEIRS) == {f"{OTHER}-V1"}
    assert ids("parcels", OURS) == ids("verdicts", OURS) == {"P", "A-2"}
    assert ids("parcels", THEIRS) == {f"{OTHER}-1", f"{OTHER}-2"}
    assert f"{OTHER}-scope" not in ids("assessment_scopes", OURS)
    assert ids("assessment_scopes", THEIRS) == {f"{OTHER}-scope"}


def test_counts_are_of_what_may_be_seen(guarded):
    def counted(who: str) -> tuple[int, dict[str, int], dict[str, int]]:
        key = guarded.keys[who]
        layers = guarded.served.get("/layers", headers=key).json()["layers"]
        codes = guarded.served.get("/assessments", headers=key).json()["assessments"]
        return (
            guarded.served.get("/parcels", headers=key).json()["numberMatched"],
            {one["id"]: one["edition"]["features"] for one in layers if one["edition"]},
            {one["code"]: one["reports"] for one in codes},
        )

    everybody, ours, theirs = counted("viewer"), counted(OURS), counted(THEIRS)
    assert (everybody[0], ours[0], theirs[0]) == (5, 2, 2)
    assert (everybody[1]["geohazard"], ours[1]["geohazard"], theirs[1]["geohazard"]) == (4, 3, 4)
    first = min(everybody[2])
    assert sum(everybody[2].values()) == sum(ours[2].values()) + sum(theirs[2].values()), first
    listing = guarded.served.get("/map/list", headers=guarded.keys[OURS]).json()
    assert "5" not in str(listing.get("counts", "")) and OTHER not in str(listing)


def test_no_question_finds_what_belongs_to_another_zone(guarded):
    west, south, east, north = lon_lat(world.box(3400, 0, 3800, 400), world.CRS).bounds
    box = f"{west},{south},{east},{north}"
    asked = [
        (f"/collections/{collection}/items", query)
        for collection in ("parcels", "verdicts")
        for query in (
            {"bbox": box},
            {"zone": OTHER},
            {"filter": f"zone = '{OTHER}'"},
            {"filter": f"S_INTERSECTS(geometry, BBOX({box}))"},
        )
    ]
    asked += [("/parcels", {"zone": OTHER}), ("/parcels", {"bbox": box}), ("/map/list", {"q": OTHER})]
    for path, query in asked:
        ours, theirs = (guarded.served.get(path, params=query, headers=guarded.keys[who]) for who in (OURS, THEIRS))
        assert ours.status_code == theirs.status_code == 200, (path, query, ours.text[:300])
        # The question itself, which stands in the links, tells nothing.
        found = [answer.json().get("features", answer.json().get("rows")) for answer in (ours, theirs)]
        assert not found[0] and found[1], (path, query)
        assert not ours.json().get("numberMatched")


def test_what_one_was_sent_is_never_what_another_is_sent(guarded):
    """In turn, so that whatever the server keeps of one answer would come out in the next."""
    tile = "/collections/{}/tiles/WebMercatorQuad/{zoom}/{row}/{col}"
    paths = [
        "/map",
        "/check",
        "/map-sheet",
        *(tile.format(one, **tile_of(11)) for one in ("zones", "parcels", "verdicts")),
    ]
    for path in paths:
        for who in ("planner", OURS, THEIRS, OURS, "planner"):
            said = text_of(guarded.served.get(path, headers=guarded.keys[who]))
            assert (OTHER in said) == (who != OURS), (path, who)


def test_a_tag_that_another_holds_is_no_reason_to_send_nothing(guarded):
    path = "/collections/parcels/tiles/WebMercatorQuad/{zoom}/{row}/{col}".format(**tile_of(11))
    tags = {}
    for who in ("planner", OURS, THEIRS):
        answer = guarded.served.get(path, headers=guarded.keys[who])
        assert "private" in answer.headers["cache-control"]
        tags[who] = answer.headers["etag"]
    assert len(set(tags.values())) == 3
    for who, other in ((OURS, THEIRS), (OURS, "planner"), (THEIRS, OURS)):
        again = {**guarded.keys[who], "If-None-Match": tags[other]}
        assert guarded.served.get(path, headers=again).status_code == 200
        assert guarded.served.get(path, headers={**again, "If-None-Match": tags[who]}).status_code == 304
    record = f"/parcels/{OTHER}-1/assessment"
    held = guarded.served.get(record, headers=guarded.keys["planner"]).headers["etag"]
    for tag in (held, "*"):
        assert guarded.served.get(record, headers={**guarded.keys[OURS], "If-None-Match": tag}).status_code == 404


def test_a_record_is_the_same_whoever_may_see_it(guarded):
    one, other = (guarded.served.get("/parcels/P/assessment", headers=guarded.keys[who]) for who in ("viewer", OURS))
    assert one.content == other.content and one.headers["etag"] == other.headers["etag"]


def test_a_boundary_on_foreign_ground_is_not_measured(guarded):
    def drawn(*bounds: float) -> dict:
        return {
            "type": "Feature",
            "properties": {},
            "geometry": shapely.geometry.mapping(lon_lat(world.box(*bounds), world.CRS)),
        }

    own, across, foreign = drawn(600, 600, 700, 700), drawn(2950, 0, 3050, 100), drawn(4000, 0, 4100, 100)
    key = guarded.keys[OURS]
    assert guarded.served.client.post("/check", json=own, headers=key).json()["parcel"]["zone"] == "Z"
    for feature in (across, foreign):
        answer = guarded.served.client.post("/check", json=feature, headers=key)
        assert (answer.status_code, answer.json()["code"]) == (422, "other_zone"), answer.text
        assert guarded.served.client.post("/check", json=feature, headers=guarded.keys["viewer"]).status_code == 200
        # What was answered to whoever may see all is no answer for others.
        assert guarded.served.client.post("/check", json=feature, headers=key).status_code == 422
    both = {"type": "FeatureCollection", "features": [foreign, own, across]}
    answer = guarded.served.client.post("/check", json=both, headers=key)
    assert answer.status_code == 200 and OTHER not in answer.text
    assert len(answer.json()["records"]) == 1 and [one["row"] for one in answer.json()["rejected"]] == [1, 3]
    page = guarded.served.client.post("/check/panels", json=both, headers=key)
    assert page.status_code == 200 and OTHER not in page.text
    assert len(page.json()["found"]) == 1
    assert [(one["row"], one["code"]) for one in page.json()["rejected"]] == [(1, "other_zone"), (3, "other_zone")]
    everything = guarded.served.client.post("/check/panels", json=both, headers=guarded.keys["viewer"])
    assert len(everything.json()["found"]) == 3 and OTHER in everything.text
    named = guarded.served.client.post(f"/check?zone={OTHER}", json=own, headers=key)
    assert named.status_code == 422 and "Z-V1" in named.json()["detail"]
    assert OTHER not in named.text.replace(f'"value":"{OTHER}"', "").replace(f'"value": "{OTHER}"', "")


def test_nobody_is_told_how_far_away_a_foreign_parcel_lies(guarded):
    """Whoever guesses an id would else learn from the warning of a check that there is such a parcel, and where."""
    square = shapely.geometry.mapping(lon_lat(world.box(600, 600, 700, 700), world.CRS))

    def warned(id_: str, who: str, path: str = "/check") -> bool:
        feature = {"type": "Feature", "properties": {"id": id_}, "geometry": square}
        sent = {"type": "FeatureCollection", "features": [feature]}
        answer = guarded.served.client.post(path, json=sent, headers=guarded.keys[who]).json()
        return any("same ids" in words for words in answer["report"]["warnings"])

    for path in ("/check", "/check/panels"):
        assert warned("P", OURS, path) and warned(f"{OTHER}-1", "planner", path)
        assert not warned(f"{OTHER}-1", OURS, path)


@pytest.mark.parametrize("route", FOR_ALL_ZONES, ids=str)
def test_what_concerns_the_whole_workspace_needs_a_key_for_all_of_it(guarded, route):
    roles = [role for role in Role if all(need.role is None or role.may(need.role) for need in route.needs)]
    assert roles
    for role in roles:
        for zones in ({"Z"}, {"Z", OTHER}, set()):
            asked = guarded.served.client.request(route.method, route.at(), headers=guarded.key(role, zones))
            assert (asked.status_code, asked.json()["code"]) == (403, "zones-too-few"), (role, zones)
        # With a key for all zones the same request gets as far as what is asked for.
        asked = guarded.served.client.request(route.method, route.at(), headers=guarded.key(role))
        assert asked.status_code in (200, 404, 415), (role, asked.text[:300])


def test_what_is_not_for_every_reader_is_about_a_parcel_or_needs_a_key_for_all_zones():
    beyond = [route for route in ROUTES if any(need.role not in (None, Role.VIEWER) for need in route.needs)]
    assert [str(route) for route in beyond if "{parcel_id}" not in route.path and route not in FOR_ALL_ZONES] == []
    assert len(FOR_ALL_ZONES) > 5


def test_an_edition_is_told_of_only_to_those_who_may_see_all_of_it(guarded):
    edition = guarded.workspace.register.published()["parcels"]
    assert guarded.served.get(f"/editions/{edition}", headers=guarded.keys["viewer"]).status_code == 200
    assert guarded.served.get(f"/editions/{edition}", headers=guarded.keys[OURS]).status_code == 404


def test_the_part_of_a_service_finds_nothing_else(guarded):
    part = guarded.served.service.within(frozenset({"Z"}))
    assert list(part.parcels) == ["A-2", "P"]
    for ask in (part.verdict, part.record, lambda id_: part.snapshot().summary(id_, part.as_of(None))):
        with pytest.raises(NotFound):
            ask(f"{OTHER}-1")
    assert part.kept(f"{OTHER}-1", "0" * 64) is None


SIDE = st.integers(0, 300)


@given(st.lists(st.tuples(SIDE, st.integers(1, 120), st.integers(0, 80)), min_size=1, max_size=12))
def test_own_foreign_and_nobodys(strips):
    """Against intervals: own ground is 0–100, foreign ground 100–200, and nobody's is beyond or above."""
    made = world.ready_world()
    zone = next(iter(world._rows(made.editions["zones"])))
    zones = world.features(
        "zones",
        [
            {**zone, "id": "A-V1", "zone": "A", "geometry": world.box(0, 0, 100, 50)},
            {**zone, "id": "B-V1", "zone": "B", "geometry": world.box(100, 0, 200, 50)},
        ],
    )
    layer = world.features(
        "geohazard",
        [
            {"id": str(number), "geometry": world.box(west, south, west + width, south + 10), "class": "low"}
            for number, (west, width, south) in enumerate(strips)
        ],
    )
    layers = LayerSet({"zones": zones, "geohazard": layer})

    def meets(strip: tuple[int, int, int], low: int, high: int) -> bool:
        west, width, south = strip
        return west < high and west + width > low and south < 50

    for own, (mine, others) in {"A": ((0, 100), (100, 200)), "B": ((100, 200), (0, 100))}.items():
        part = own_part(layers, "geohazard", frozenset({own}), world.rulebook())
        expected = [
            str(number) for number, strip in enumerate(strips) if meets(strip, *mine) or not meets(strip, *others)
        ]
        assert list(part.data.ids) == expected
        assert (part is layer) == (len(expected) == len(strips))
        assert part.tag == layer.tag or part.part
    nobody = own_part(replace(layers, editions={"geohazard": layer}), "geohazard", frozenset({"A"}), world.rulebook())
    assert nobody.data.ids == ()
