"""The record over HTTP is the record: same bytes, a digest that says when it changed, a schema that holds."""

from __future__ import annotations

import json
from urllib.parse import quote

import jsonschema
import pytest
import shapely

from geo_service.api.app import create_app
from geo_service.export.record import digest_of, record_bytes
from geo_service.export.schema import record_schema
from geo_service.model import enums
from geo_service.model.register import Reach
from geo_service.overlay.coverage import RETRY_GRID_M
from geo_service.projection import lon_lat
from geo_service.service import Service
from tests import world
from tests.api.serving import AS_OF, ODD, OPEN, running


def path_of(name: str) -> str:
    return f"/parcels/{quote(name, safe='')}/assessment"


def checker() -> jsonschema.Draft202012Validator:
    schema = record_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


def test_the_body_is_the_canonical_record(served, service):
    for name in service.parcels:
        answer = served.get(path_of(name))
        assert answer.content == record_bytes(service.record(name))
        assert answer.headers["content-type"] == "application/json"
        body = answer.json()
        assert body["parcel"]["id"] == name
        assert answer.headers["etag"].removeprefix("W/") == f'"{digest_of(body)}"'


def test_what_has_not_changed_is_not_sent_again(served):
    plain = {"Accept-Encoding": "identity"}
    tag = served.get(path_of("P"), headers=plain).headers["etag"]
    assert served.get(path_of("P")).headers["etag"] == f"W/{tag}"
    for held in (tag, f'"x", W/{tag}', "*"):
        for asked, named in ((plain, tag), ({"Accept-Encoding": "gzip"}, f"W/{tag}")):
            again = served.get(path_of("P"), headers={**asked, "If-None-Match": held})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", named)
    other = served.get(path_of("P"), params={"as_of": "2026-12-02"}, headers={"If-None-Match": tag})
    assert other.status_code == 200


def test_the_date_is_the_chosen_one_else_the_planned_notice_date(served):
    assert served.get(path_of("U")).json()["as_of"] == "2026-11-25"
    assert served.get(path_of("U"), params={"as_of": "2026-12-24"}).json()["as_of"] == "2026-12-24"
    assert served.get(path_of("P")).json()["as_of"] == "2026-12-01"


def test_a_pair_that_cannot_be_cut_is_not_known_and_the_answer_has_all_else(served, monkeypatch):
    outlines = {name: served.service.parcels[name].geometry for name in ("N", "P")}
    before = {name: served.get(path_of(name)).json() for name in outlines}
    real, asked = shapely.intersection, []

    def failing(left, right, **options):
        if any(isinstance(one, shapely.Polygon) and one.equals(outlines["N"]) for one in (left, right)):
            asked.append(options.get("grid_size"))
            raise shapely.GEOSException("TopologyException: injected")
        return real(left, right, **options)

    monkeypatch.setattr(shapely, "intersection", failing)
    # One that has concluded nothing yet.
    fresh = Service(served.service.workspace, lambda: AS_OF)
    with running(create_app(fresh, policy=OPEN), fresh) as other:
        answers = {name: other.get(path_of(name)) for name in outlines}
    assert set(asked) == {None, RETRY_GRID_M}
    assert [answer.status_code for answer in answers.values()] == [200, 200]
    after = {name: answer.json() for name, answer in answers.items()}
    assert after["P"] == before["P"]
    known = {entry["code"]: entry for entry in world.entries(before["N"])}
    changed = [entry for entry in world.entries(after["N"]) if entry != known[entry["code"]]]
    assert 0 < len(changed) < len(known)
    outcomes = {entry["code"]: (entry["outcome"], entry.get("reason")) for entry in changed}
    # What is asked of an investor depends on the zone.
    assert outcomes.pop("fixed_investment_intensity") == ("missing", None)
    assert set(outcomes.values()) == {("no_data", "failed")}
    assert "injected" not in answers["N"].text


def test_the_project_type_can_be_asked_for(served):
    body = served.get(path_of("P"), params={"project_type": "涂料（易燃）"}).json()
    assert body["parcel"]["project_type"] == "涂料（易燃）"


def test_a_ready_parcel_is_ready_and_the_one_outside_is_not(served):
    assert served.get(path_of("P")).json()["verdict"]["status"] == "ready"
    assert served.get(path_of("N")).json()["verdict"]["status"] == "not_ready"


def test_every_record_fits_the_published_schema(served, service):
    published = served.get("/schemas/assessment.json")
    assert published.json() == record_schema()
    schema = checker()
    for name in service.parcels:
        for as_of in (None, "2026-12-01", "2031-01-01"):
            body = served.get(path_of(name), params={"as_of": as_of} if as_of else {}).json()
            assert [error.message for error in schema.iter_errors(body)] == []


WORLDS = {
    "no layers": lambda ready: world.World(ready.parcel, {}),
    "no zone": lambda ready: ready.without("zones"),
    "no claims": lambda ready: ready.with_parcel(claims=()),
    "planned": lambda ready: ready.with_claims(
        world.claim("WATER", reach=Reach.PLANNED, funded=True), instead_of="WATER"
    ),
    "farmland": lambda ready: ready.with_rows("farmland", {"id": "f", "geometry": world.box(250, 250, 400, 400)}),
    "no levels": lambda ready: ready.without("design_elevation").without("ground_elevation"),
    "expired": lambda ready: ready.changed_rows(
        "assessment_scopes", {"code": "SWC"}, valid_to=world.AS_OF.replace(year=2025)
    ),
    "waived": lambda ready: ready.changed_rows(
        "assessment_scopes", {"code": "SEI"}, progress="waived", waiver_doc_no="示例〔2025〕免"
    ),
    "no indicator": lambda ready: ready.with_parcel(indicators=()),
}


@pytest.mark.parametrize("name", WORLDS)
def test_every_kind_of_outcome_fits_the_schema(name):
    body = WORLDS[name](world.ready_world()).record()
    assert [
        f"{error.json_path}: {error.message}" for error in checker().iter_errors(json.loads(record_bytes(body)))
    ] == []


def test_the_schema_refuses_what_is_not_a_record(served):
    good = served.get(path_of("P")).json()
    schema = checker()
    for spoilt in (
        {**good, "extra": 1},
        {**good, "as_of": "01.12.2026"},
        {**good, "verdict": {**good["verdict"], "status": "approved"}},
        {key: value for key, value in good.items() if key != "indicators"},
    ):
        assert not schema.is_valid(spoilt)


def test_the_schema_lists_the_outcomes_of_the_model():
    parts = record_schema()["$defs"]

    def listed(part: str, name: str) -> list[str | None]:
        return parts[part]["properties"][name]["enum"]

    def wire(values) -> list[str]:
        return [value.value for value in values]

    assert listed("assessment", "outcome") == wire(enums.ASSESSMENT_OUTCOMES)
    assert listed("constraint", "outcome") == wire(enums.CONSTRAINT_OUTCOMES)
    assert listed("service", "outcome") == wire(enums.SERVICE_OUTCOMES)
    assert listed("level", "outcome") == wire(enums.LEVEL_OUTCOMES)
    assert listed("indicator", "outcome") == wire(enums.INDICATOR_OUTCOMES)
    assert listed("verdict_reason", "outcome") == wire(enums.Outcome)
    assert listed("verdict_reason", "stage") == wire(enums.Stage)
    assert listed("constraint", "kind") == wire(enums.Kind)
    assert listed("service", "network") == wire(enums.Network)
    assert listed("level", "design") == wire(enums.Design)
    assert parts["severity"]["enum"] == wire(enums.Severity)
    assert parts["no_data_reason"]["enum"] == [*wire(enums.NoDataReason), None]
    verdict = record_schema()["properties"]["verdict"]["properties"]
    assert set(verdict["status"]["enum"]) == set(wire(enums.Status))
    assert parts["assessment"]["properties"]["use"]["properties"]["effect"]["enum"] == wire(enums.Effect)


def test_search_finds_by_verdict_zone_area_and_what_is_missing(served):
    def found(**query: object) -> list[str]:
        answer = served.get("/parcels", params={"limit": 1000, **query})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/geo+json"
        return [entry["id"] for entry in answer.json()["features"]]

    everything = found()
    assert len(everything) == 30
    assert found(verdict="ready") == ["P"]
    assert set(found(verdict="ready,not_ready")) >= {"P", "N"}
    assert found(min_area_mu=60) == ["N", "P", "U"]
    assert "P" not in found(missing="WATER") and "N" in found(missing="WATER")
    assert set(found(missing="ZONE")) == {"N"}
    assert found(zone="nowhere") == []
    assert found(bbox="0,0,1,1") == []
    west, south, east, north = lon_lat(world.box(*world.PARCEL), world.CRS).bounds
    assert found(bbox=f"{west},{south},{east},{north}", verdict="ready") == ["P"]
    assert found(verdict="ready", as_of="2031-01-01") == []


def test_a_found_parcel_links_to_its_record(served):
    entry = served.get("/parcels", params={"verdict": "ready"}).json()["features"][0]
    to = next(link["href"] for link in entry["links"] if link["rel"] == "describedby")
    assert served.get(to).json()["provenance"]["digest"] == entry["properties"]["digest"]


def test_an_odd_id_is_answered_like_any_other(served):
    assert served.get(path_of(ODD)).json()["parcel"]["name"] == "<script>alert(1)</script>"


def test_a_date_at_the_end_of_the_calendar_is_refused_and_not_a_failure(served):
    answer = served.get("/parcels/P/assessment", params={"as_of": "9999-12-31"})
    assert (answer.status_code, answer.json()["code"]) == (422, "date_too_late")
    assert served.get("/parcels/P/assessment", params={"as_of": "8999-12-31"}).status_code == 200
