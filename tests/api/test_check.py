"""Boundaries from outside: one record, or records and rejected rows; nothing is stored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import shapely

from geo_service import overlay
from geo_service.api.app import create_app
from geo_service.api.links import GEOJSON
from geo_service.api.routes import check
from geo_service.checking import Found
from geo_service.errors import MeasureFailed
from geo_service.export.geojson import compact
from geo_service.export.record import digest_of, record_bytes
from geo_service.projection import lon_lat
from geo_service.tally import BOUNDARY_CHECKED, TALLY
from tests import world
from tests.api.serving import OPEN, running
from tests.ingest.test_geojson import BOM, MISWRITTEN, endless

HERE = Path(__file__).resolve()


def polygon(*bounds: float) -> dict:
    return json.loads(shapely.to_geojson(lon_lat(world.box(*bounds), world.CRS)))


def feature(geometry: dict | None, **properties: object) -> dict:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def collection(*features: dict) -> dict:
    return {"type": "FeatureCollection", "features": list(features)}


def test_a_geometry_gives_one_record(served):
    answer = served.client.post("/check", json=polygon(*world.PARCEL))
    body = answer.json()
    assert answer.status_code == 200
    assert body["parcel"]["id"] == "check-1"
    assert body["parcel"]["area_m2"] == pytest.approx(40_000, abs=0.01)
    assert body["parcel"]["zone"] == "Z"
    assert body["provenance"]["digest"] == digest_of(body)


def test_a_feature_brings_its_own_words(served):
    body = served.client.post("/check", json=feature(polygon(*world.PARCEL), id="A", project_type="食品")).json()
    assert (body["parcel"]["id"], body["parcel"]["project_type"]) == ("A", "食品")


def test_date_and_project_type_can_be_chosen(served):
    body = served.client.post(
        "/check", json=polygon(*world.PARCEL), params={"as_of": "2027-02-03", "project_type": "涂料"}
    ).json()
    assert (body["as_of"], body["parcel"]["project_type"]) == ("2027-02-03", "涂料")


def test_a_collection_gives_records_and_rejected_rows_in_order(served):
    bow_tie = {
        "type": "Polygon",
        "coordinates": [[[113.05, 36.23], [113.051, 36.23], [113.05, 36.23], [113.05, 36.23]]],
    }
    posted = collection(
        feature(polygon(*world.PARCEL), id="one"),
        feature(None, id="two"),
        feature(polygon(400, 100, 500, 200), id="three"),
        feature(bow_tie, id="four"),
    )
    body = served.client.post("/check", json=posted).json()
    assert [entry["parcel"]["id"] for entry in body["records"]] == ["one", "three"]
    assert [(entry["row"], entry["id"]) for entry in body["rejected"]] == [(2, "two"), (4, "four")]
    assert all(entry["reason"]["zh"] and entry["reason"]["en"] and entry["code"] for entry in body["rejected"])


def test_a_collection_however_it_is_spelled_is_answered_with_lists(served):
    rows = [feature(polygon(*world.PARCEL), id=name) for name in ("a", "b")]
    spelled = json.dumps(collection(*rows)).replace("Feature", r"\u0046eature").encode()
    answer = served.client.post("/check", content=spelled, headers={"Content-Type": "application/json"}).json()
    assert [record["parcel"]["id"] for record in answer["records"]] == ["a", "b"]


def test_one_feature_in_a_collection_still_gives_lists(served):
    body = served.client.post("/check", json=collection(feature(polygon(*world.PARCEL)))).json()
    assert len(body["records"]) == 1 and body["rejected"] == []


def test_an_upload_gives_lists_as_the_command_line_does(served):
    content = json.dumps(collection(feature(polygon(*world.PARCEL), id="A"))).encode()
    answer = served.client.post("/check", files={"file": ("../../界址.geojson", content)})
    posted = served.client.post("/check", content=content, headers={"Content-Type": "application/geo+json"})
    assert answer.status_code == 200
    assert answer.content == posted.content == compact(answer.json())


def test_an_upload_of_the_surveyors_txt(served):
    samples = HERE.parents[3] / "shared" / "data" / "cn_boundary_txt_samples"
    if not samples.is_dir():
        pytest.skip("shared/data is not here")
    file = sorted(samples.rglob("*.txt"))[0]
    answer = served.client.post("/check", files={"file": (file.name, file.read_bytes())})
    assert answer.status_code in {200, 422}
    assert answer.json().get("records") or answer.json()["code"]


def test_the_crs_can_be_named_beside_or_within(served):
    metres = json.loads(shapely.to_geojson(world.box(*world.PARCEL)))
    beside = served.client.post("/check", json=metres, params={"crs": world.CRS}).json()
    within = served.client.post(
        "/check", json={**metres, "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4547"}}}
    ).json()
    assert beside["parcel"]["area_m2"] == within["parcel"]["area_m2"] == 40_000.0
    refused = served.client.post("/check", json=metres)
    assert refused.status_code == 422
    assert refused.json()["code"] == "metres_as_degrees"
    assert served.client.post("/check", json=metres, params={"crs": "EPSG:3857"}).status_code == 422


def test_a_zone_can_be_named_and_an_unknown_one_is_refused(served):
    named = served.client.post("/check", json=polygon(*world.PARCEL), params={"zone": "Z"})
    assert named.json()["parcel"]["zone"] == "Z"
    unknown = served.client.post("/check", json=polygon(*world.PARCEL), params={"zone": "Y"})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "zone_unknown")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "empty_file"),
        (b"{", 400, "bad_json"),
        (b'{"type": "Point", "type": "Point"}', 400, "duplicate_key"),
        (b"[" * 100_000, 400, "too_deep"),
        (b'{"type": "Polygon", "coordinates": [[[NaN, 1], [1, 1], [1, 2], [NaN, 1]]]}', 422, "not_a_number"),
        (b'{"type": "Nothing"}', 422, "bad_geojson"),
        (b"[]", 422, "bad_geojson"),
        (b'{"type": "Point", "coordinates": [113.05, 36.24]}', 422, "wrong_geometry_kind"),
        (b'{"type": "FeatureCollection", "features": []}', 422, "no_features"),
    ],
)
def test_a_body_that_is_no_boundary_is_refused_clearly(served, content, status, code):
    answer = served.client.post("/check", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["detail"] and answer.json()["detail_en"]
    # That is no parameter of a check.
    assert "--extent" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        polygon(*world.PARCEL),
        feature(polygon(*world.PARCEL), id="A", name="长治一号"),
        collection(feature(polygon(*world.PARCEL), id="A"), feature(polygon(400, 100, 500, 200), id="B")),
        collection(feature(polygon(*world.PARCEL), id="A")),
    ],
    ids=["geometry", "feature", "collection", "collection of one"],
)
@pytest.mark.parametrize("path", ["/check", "/check/panels"])
def test_a_mark_of_utf_8_before_a_body_changes_nothing_of_the_answer(served, path, body):
    data = json.dumps(body, ensure_ascii=False).encode()
    for sent in (
        lambda content: {"content": content, "headers": {"Content-Type": "application/geo+json"}},
        lambda content: {"files": {"file": ("a.geojson", content)}},
    ):
        plain, marked = (served.client.post(path, **sent(content)) for content in (data, BOM + data))
        assert (plain.status_code, marked.status_code) == (200, 200)
        assert marked.content == plain.content


@pytest.mark.parametrize(("content", "code"), MISWRITTEN)
def test_a_body_that_is_not_written_in_utf_8_is_refused_and_the_next_is_answered(served, content, code):
    answer = served.client.post("/check", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    upload = served.client.post("/check", files={"file": ("a.geojson", content)})
    assert upload.status_code in (400, 415, 422) and upload.json()["code"]
    assert served.client.post("/check", json=polygon(*world.PARCEL)).status_code == 200


def test_bodies_that_take_a_reader_as_long_as_they_can_are_refused(served):
    for name, content in endless():
        answer = served.client.post("/check", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422), name
        assert answer.json()["code"] != "geometry_too_complex", "the reader was not ended for its time"
    assert served.client.post("/check", json=polygon(*world.PARCEL)).status_code == 200


#: JSON can spell half of a character, which no answer, no file and no register can hold.
HALF = "\ud800"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        *(
            ({"properties": {field: f"地块{HALF}"}}, "half_character")
            for field in ("name", "project_type", "zone", "id")
        ),
        ({"id": HALF}, "half_character"),
        ({"properties": {HALF: "x"}}, "bad_json"),
        ({"geometry": {"type": HALF, "coordinates": []}}, "bad_geometry"),
        ({"type": HALF}, "bad_geojson"),
        ({"crs": {"type": "name", "properties": {"name": HALF}}}, "crs_not_admitted"),
        ({"crs": {"type": HALF}}, "bad_geojson"),
    ],
)
def test_half_a_character_is_a_fault_of_whoever_sends_it_and_the_next_row_is_answered(served, changes, code):
    row = {**feature(polygon(*world.PARCEL)), **changes}
    alone = served.client.post("/check", content=json.dumps(row), headers={"Content-Type": "application/json"})
    assert (alone.status_code, alone.json()["code"]) == (400 if code == "bad_json" else 422, code)
    rows = collection(row, feature(polygon(400, 100, 500, 200), id="good"))
    both = served.client.post("/check", content=json.dumps(rows), headers={"Content-Type": "application/json"})
    if code == "bad_json":
        assert (both.status_code, both.json()["code"]) == (400, code)
        return
    assert both.status_code == 200
    assert both.json()["records"][-1]["parcel"]["id"] == "good"
    if "crs" not in changes:
        assert [entry["row"] for entry in both.json()["rejected"]] == [1]


def test_when_no_record_could_be_made_every_row_is_told(served):
    answer = served.client.post("/check", json=collection(feature(None), feature(None)))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [entry["row"] for entry in answer.json()["items"]] == [1, 2]


def test_a_disguised_file_is_not_followed(served):
    inside = b'<OGRVRTLayer name="x"><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer>'
    vrt = b"<OGRVRTDataSource>" + inside + b"</OGRVRTDataSource>"
    answer = served.client.post("/check", files={"file": ("parcels.geojson", vrt)})
    assert answer.status_code in {415, 422}
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    ("shape", "area_m2"),
    [
        (shapely.Polygon([(100, 100), (300, 300), (300, 100), (100, 300)]), 20_000),  # half of what it spans
        (shapely.MultiPolygon([shapely.box(100, 100, 200, 200), shapely.box(150, 100, 250, 200)]), 15_000),
    ],
    ids=["bow-tie", "two squares over each other"],
)
def test_a_boundary_that_had_to_be_mended_is_measured_once_and_is_for_the_surveyor_to_settle(served, shape, area_m2):
    posted = json.loads(shapely.to_geojson(world.at(shape)))
    body = served.client.post("/check", json=posted, params={"crs": world.CRS}).json()
    assert body["parcel"]["area_m2"] == pytest.approx(area_m2, abs=0.01)
    assert world.found(body, "GEOM")["outcome"] == "review"
    assert "GEOM" in [reason["code"] for reason in body["verdict"]["reasons"]]
    assert body["verdict"]["status"] != "ready"


def test_other_kinds_of_content_are_refused(served):
    body = json.dumps(polygon(*world.PARCEL)).encode()
    for kind in ("text/plain", "application/xml", None):
        answer = served.client.post("/check", content=body, headers={"Content-Type": kind} if kind else {})
        assert answer.status_code == 415
    assert served.client.post("/check", files={"other": ("a.json", body)}).json()["code"] == "field-missing"


@pytest.mark.parametrize(
    ("more", "code", "named"),
    [
        ({"files": [("file", ("b.json", b"{}"))]}, "field-repeated", "'file'"),
        ({"files": [("other", ("b.json", b"{}"))]}, "field-unknown", "'other'"),
        ({"data": {"foo": "bar"}}, "field-unknown", "'foo'"),
        ({"data": {f"f{number}": "x" for number in range(20)}}, "form-unreadable", "8"),
    ],
)
def test_what_is_wrong_with_a_form_is_named(served, more, code, named):
    own = [("file", ("a.json", json.dumps(polygon(*world.PARCEL)).encode()))]
    answer = served.client.post("/check", files=own + more.get("files", []), data=more.get("data"))
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert named in answer.json()["detail_en"]
    assert "file" in answer.json()["next"]["zh"]


@pytest.mark.parametrize(
    "text",
    ["__import__('os').getcwd()", "exec(java.lang.Runtime)", "{{7*7}}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "=1+1"],
)
def test_a_text_is_never_worked_out(served, text):
    properties = {"id": text, "name": text, "project_type": text}
    posted = {"type": "Feature", "properties": properties, "geometry": polygon(*world.PARCEL)}
    parcel = served.client.post("/check", json=posted).json()["parcel"]
    assert {parcel[name] for name in properties} == {text}
    drawn = served.client.post("/check", json=posted, headers={"Accept": "application/geo+json"}).json()
    assert drawn["properties"]["name"] == text


def test_nothing_is_stored(served, service):
    before = service.workspace.register.revision()
    files = sorted(path.name for path in service.workspace.directory.rglob("*"))
    served.client.post("/check", json=polygon(*world.PARCEL))
    served.client.post("/check", files={"file": ("a.geojson", json.dumps(polygon(*world.PARCEL)).encode())})
    assert service.workspace.register.revision() == before
    assert sorted(path.name for path in service.workspace.directory.rglob("*")) == files


def test_more_boundaries_than_one_request_may_bring_are_refused_at_once(served):
    many = collection(*(feature(polygon(x / 10, 0, x / 10 + 5, 5)) for x in range(10_001)))
    content = json.dumps(many).encode()
    answer = served.client.post("/check", content=content, headers={"Content-Type": "application/geo+json"})
    assert (answer.status_code, answer.json()["code"], answer.json()["value"]) == (422, "too-many", "10001")
    # Nor is anything said of each of very many that are none.
    empty = b'{"type":"FeatureCollection","features":[' + b"{}," * 300_000 + b"{}]}"
    lines = b"id,x,y\n" + b"a,1,2\n" * 10_001
    for sent in ({"content": empty, "headers": {"Content-Type": GEOJSON}}, {"files": {"file": ("a.csv", lines)}}):
        for path in ("/check", "/check/panels"):
            answer = served.client.post(path, **sent)
            assert (answer.status_code, answer.json()["code"]) == (422, "too-many"), answer.text[:500]
            assert answer.json()["items"] == [] and answer.json()["next"]["zh"]


def test_very_many_are_answered_in_their_order_and_the_wrong_ones_are_told_at_the_end(served):
    rows = [feature(polygon(x, 0, x + 5, 5), id=f"t{x}") for x in range(check.GATHERED + 20)]
    rows[3]["geometry"] = None
    rows[110]["geometry"]["coordinates"][0][1] = [200, 10]
    alone = served.client.post("/check", json=collection(rows[5])).json()
    answer = served.client.post("/check", json=collection(*rows))
    body = answer.json()
    assert answer.headers["transfer-encoding"] == "chunked"
    assert list(body) == ["records", "rejected", "report"]
    assert [entry["parcel"]["id"] for entry in body["records"]] == [
        f"t{x}" for x in range(check.GATHERED + 20) if x not in (3, 110)
    ]
    assert [(entry["row"], entry["id"]) for entry in body["rejected"]] == [(4, "t3"), (111, "t110")]
    assert body["records"][4] == alone["records"][0]
    features = served.client.post("/check", json=collection(*rows), headers={"Accept": "application/geo+json"}).json()
    assert [entry["id"] for entry in features["features"]] == [entry["parcel"]["id"] for entry in body["records"]]
    assert features["rejected"] == body["rejected"]


def test_very_many_of_which_none_can_be_checked_are_an_error(served):
    rows = [feature(polygon(x, 0, x + 5, 5)) for x in range(check.GATHERED + 1)]
    answer = served.client.post("/check", json=collection(*rows), params={"as_of": "1900-01-01"})
    assert (answer.status_code, answer.json()["code"]) == (422, "nothing-to-check")
    assert served.client.post("/check", json=polygon(*world.PARCEL)).status_code == 200


def test_gis_clients_get_features_with_the_outcomes_as_properties(served):
    kind = {"Accept": "application/geo+json"}
    record = served.client.post("/check", json=polygon(*world.PARCEL)).json()
    answer = served.client.post("/check", json=polygon(*world.PARCEL), headers=kind)
    assert answer.headers["content-type"] == "application/geo+json"
    one = answer.json()
    assert (one["type"], one["id"]) == ("Feature", "check-1")
    assert shapely.from_geojson(json.dumps(one["geometry"])).is_valid
    told = one["properties"]
    assert (told["verdict"], told["digest"]) == (record["verdict"]["status"], record["provenance"]["digest"])
    for entry in record["assessments"]:
        assert told[f"{entry['code']}_outcome"] == entry["outcome"]
    several = served.client.post("/check", json=collection(feature(polygon(*world.PARCEL))), headers=kind).json()
    assert list(several) == ["type", "features", "rejected", "report"]
    assert several["features"] == [one]
    uploaded = served.client.post(
        "/check", files={"file": ("a.geojson", json.dumps(polygon(*world.PARCEL)).encode())}, headers=kind
    ).json()
    assert uploaded["features"] == [one]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/geo+json, application/json;q=0.1", "application/geo+json"),
        ("application/json;q=0.1, */*;q=0.5", "application/geo+json"),
        ("application/geo+json, */*;q=0.1", "application/geo+json"),
        ("application/geo+json;q=0, */*", "application/json"),
        ("application/geo+json;q=0.5, application/json", "application/json"),
        ("application/geo+json, application/json", "application/json"),
        ("application/*", "application/json"),
        ("text/html", "application/json"),
    ],
)
def test_of_both_forms_the_one_wanted_more_is_answered(served, accept, kind):
    answer = served.client.post("/check", json=polygon(*world.PARCEL), headers={"Accept": accept})
    assert answer.headers["content-type"] == kind


def test_some_assessments_can_be_asked_for(served):
    whole = served.client.post("/check", json=polygon(*world.PARCEL)).json()
    some = served.client.post("/check", json=polygon(*world.PARCEL), params={"assessments": "GEO, EIA"}).json()
    assert [entry["code"] for entry in some["assessments"]] == ["EIA", "GEO"]
    assert some == {**whole, "assessments": [one for one in whole["assessments"] if one["code"] in ("EIA", "GEO")]}
    flat = served.client.post(
        "/check", json=polygon(*world.PARCEL), params={"assessments": "GEO"}, headers={"Accept": "application/geo+json"}
    ).json()["properties"]
    assert "GEO_outcome" in flat and "EIA_outcome" not in flat and "WATER_outcome" in flat
    for wrong in ("XYZ", "GEO,XYZ", ","):
        refused = served.client.post("/check", json=polygon(*world.PARCEL), params={"assessments": wrong})
        assert (refused.status_code, refused.json()["code"]) == (400, "bad-parameter")


def test_what_was_answered_before_is_not_worked_out_again_until_something_changes(served):
    body = polygon(*world.PARCEL)
    first = served.client.post("/check", json=body)
    held = {"If-None-Match": first.headers["etag"]}
    again = served.client.post("/check", json=body, headers=held)
    assert (again.status_code, again.content) == (304, b"")
    for options in (
        {"json": polygon(400, 100, 500, 200)},
        {"json": body, "params": {"as_of": "2027-02-03"}},
        {"json": body, "params": {"assessments": "GEO"}},
        {"json": body, "params": {"project_type": "食品"}},
    ):
        assert served.client.post("/check", headers=held, **options).status_code == 200
    other = served.client.post("/check", json=body, headers={**held, "Accept": "application/geo+json"})
    assert other.status_code == 200
    file = {"file": ("a.geojson", json.dumps(body).encode())}
    uploaded = served.client.post("/check", files=file)
    assert (
        served.client.post("/check", files=file, headers={"If-None-Match": uploaded.headers["etag"]}).status_code == 304
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{broken", 400),
        (json.dumps({"type": "Polygon", "coordinates": []}).encode(), 422),
        (json.dumps(collection(feature(None))).encode(), 422),
        (json.dumps(polygon(*world.PARCEL)).encode(), 200),
        (json.dumps(collection(feature(polygon(*world.PARCEL)))).encode(), 200),
    ],
)
def test_whoever_claims_to_have_any_answer_is_checked_all_the_same(served, body, status):
    kind = {"Content-Type": "application/geo+json"}
    plain = served.client.post("/check", content=body, headers=kind)
    claimed = served.client.post("/check", content=body, headers={**kind, "If-None-Match": "*"})
    assert claimed.status_code == plain.status_code == status
    if status == 200:
        assert claimed.content == plain.content
        held = {**kind, "If-None-Match": f'"x", {plain.headers["etag"]}'}
        assert served.client.post("/check", content=body, headers=held).status_code == 304


def measured() -> float:
    """Return how many boundaries were measured, or rejected, so far."""
    return sum(amount for (what, _), amount in TALLY.counts().items() if what == BOUNDARY_CHECKED)


def test_whoever_asks_the_same_again_is_answered_the_same_without_measuring_until_something_changes(served):
    body = polygon(*world.PARCEL) | {"name": "asked twice"}
    uploaded = {"file": ("a.geojson", json.dumps(collection(feature(body))).encode())}
    ways = (
        {"json": body},
        {"json": body, "headers": {"Accept": "application/geo+json"}},
        {"json": body, "params": {"as_of": "2027-02-03"}},
        {"json": body, "params": {"project_type": "食品"}},
        {"json": collection(feature(body), feature(None))},
        {"files": uploaded},
    )

    def ask() -> list[tuple[int, str, bytes]]:
        answers = [served.client.post("/check", **way) for way in ways]
        return [(answer.status_code, answer.headers["etag"], answer.content) for answer in answers]

    before = measured()
    first = ask()
    once = measured() - before
    assert once == len(ways)
    assert ask() == first
    assert measured() - before == once
    # Whatever is written into the register, it is another.
    served.service.workspace.register.note("test", "P")
    again = ask()
    assert measured() - before == 2 * once
    assert [status for status, _, _ in again] == [200] * len(ways)
    assert not {tag for _, tag, _ in again} & {tag for _, tag, _ in first}


def test_no_more_is_kept_of_answers_than_there_is_room_for(service, monkeypatch):
    monkeypatch.setattr(check, "ANSWERED_BYTES", 100_000)
    app, one = create_app(service, policy=OPEN), polygon(*world.PARCEL)
    with running(app, service) as served:
        for body in (one, collection(*[feature(one)] * 4)):
            answer = served.client.post("/check", json=body)
            assert answer.status_code == 200 and answer.headers["etag"]
            assert 0 < app.state.answered.size <= check.ANSWERED_BYTES
    assert len(answer.content) > check.ANSWERED_BYTES


def test_an_answer_in_which_something_failed_is_no_answer_for_the_next(monkeypatch):
    def broken(*_: object) -> None:
        raise MeasureFailed("injected")

    record = world.ready_world().record()
    assert not check._passes(Found(1, record_bytes(record), b""))
    monkeypatch.setattr(overlay, "coverage", broken)
    assert check._passes(Found(1, record_bytes(world.ready_world().record()), b""))
