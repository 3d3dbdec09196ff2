"""When something is wrong: which status, in which words, and nothing of the inside."""

from __future__ import annotations

import json
import socket
import time
import zipfile
from io import BytesIO
from pathlib import Path

import httpx
import pytest

from geo_service.api.app import create_app
from geo_service.api.guard import Guard
from geo_service.service import Service
from geo_service.store.workspace import Workspace
from tests.api.serving import AS_OF, OPEN, Served, build, running
from tests.processes import AT_ONCE_S

GEOJSON = {"Content-Type": "application/geo+json"}
MEMBERS = {"type", "title", "status", "detail", "detail_en", "code", "value", "next", "instance", "items"}


def problem(answer: httpx.Response, status: int, code: str) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == MEMBERS
    assert (body["status"], body["code"], body["type"]) == (status, code, f"urn:geo-service:error:{code}")
    assert body["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"
    assert body["detail"] and body["detail_en"] and " / " in body["title"]
    assert len(body["value"] or "") <= 200
    return body


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/conformance",
        "/api",
        "/docs",
        "/collections",
        "/collections/zones",
        "/collections/zones/items",
        "/collections/zones/items/Z-V1",
        "/collections/zones/queryables",
        "/parcels",
        "/parcels/P/assessment",
        "/parcels/P/map",
        "/parcels/P/tender-package",
        "/parcels/P/tender-package.geojson",
        "/tender-packages",
        "/map",
        "/layers",
        "/assessments",
        "/rulebook",
        "/schemas/assessment.json",
        "/healthz",
    ],
)
def test_a_misspelt_parameter_is_refused_everywhere(served, path):
    body = problem(served.get(path, params={"bbbox": "1"}), 400, "unknown-parameter")
    assert body["value"] == "bbbox"


@pytest.mark.parametrize("query", ["verdict=", "missing=", "verdict=,", "missing=%20"])
def test_a_filter_that_lists_nothing_is_no_filter_and_refused(served, query):
    answer = served.get(f"/parcels?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-parameter")


def test_the_refusal_names_the_parameters_there_are(served):
    body = served.get("/parcels?verdikt=ready").json()
    for name in ("bbox", "verdict", "zone", "min_area_mu", "missing", "as_of"):
        assert name in body["detail"] and name in body["detail_en"]


def test_a_parameter_written_twice_is_refused(served):
    problem(served.get("/parcels/P/assessment?as_of=2026-12-01&as_of=2027-12-01"), 400, "repeated-parameter")


@pytest.mark.parametrize(
    "query",
    [
        "as_of=20261201",
        "as_of=1764547200",
        "as_of=2026-02-30",
        "as_of=2026-12-01T00:00:00",
        "as_of=",
        "bbox=1,2,3",
        "bbox=a,b,c,d",
        "bbox=1,2,nan,4",
        "bbox=113,37,114,36",
        "limit=ten",
        "limit=-1",
        "min_area_mu=much",
        "min_area_mu=inf",
        "min_area_mu=-1",
        "verdict=perfect",
        "missing=XYZ",
    ],
)
def test_a_parameter_that_is_not_what_it_must_be_is_named(served, query):
    name, _, value = query.partition("=")
    body = problem(served.get(f"/parcels?{query}"), 400, "bad-parameter")
    assert name in body["detail"] and name in body["detail_en"]
    assert body["value"] == value


def test_a_date_before_all_rules_is_understood_but_wrong(served):
    problem(served.get("/parcels/P/assessment?as_of=1999-01-01"), 422, "no_rules_on_date")


@pytest.mark.parametrize(
    "path",
    [
        "/parcels/nobody/assessment",
        "/parcels/nobody/map",
        "/parcels/nobody/tender-package",
        "/parcels/..%2F..%2Fetc%2Fpasswd/assessment",
        "/collections/nothing/items",
        "/editions/zones@000000000000",
        "/editions/%2e%2e",
        "/static/nothing.js",
        "/static/%2e%2e/page.py",
        "/jobs/1",
    ],
)
def test_what_is_not_there_is_a_problem_too(served, path):
    answer = served.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert str(Path.cwd()) not in answer.text and "Traceback" not in answer.text and "root:" not in answer.text


def test_a_long_value_is_cut(served):
    body = problem(served.get("/parcels", params={"zone": "Z", "x" * 500: "1"}), 400, "unknown-parameter")
    assert len(body["value"]) == 200


def test_no_route_changes_what_is_there_but_an_import_can_be_called_off(served):
    for path in served.get("/api").json()["paths"]:
        for method in ("PUT", "PATCH", "DELETE"):
            expected = 404 if (method, path) == ("DELETE", "/jobs/{job_id}") else 405
            assert served.client.request(method, path).status_code == expected, path


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/check", {"GET", "HEAD", "POST"}),
        ("/check/panels", {"POST"}),
        ("/jobs/x", {"GET", "HEAD", "DELETE"}),
        ("/parcels/a%2Fb/assessment", {"GET", "HEAD"}),
        ("/static/check", {"GET", "HEAD"}),
    ],
)
def test_a_refused_method_is_told_all_that_are_taken(served, path, allowed):
    answer = served.client.put(path)
    problem(answer, 405, "method-not-allowed")
    assert set(answer.headers["allow"].split(", ")) == allowed


def test_every_address_names_the_methods_that_are_described_for_it(served):
    for path, operations in served.get("/api").json()["paths"].items():
        named = set(served.client.put(path).headers["allow"].lower().split(", "))
        assert set(operations) & {"get", "post", "delete"} <= named, path


def test_whoever_may_get_may_head(served):
    for path in ("/healthz", "/parcels/P/assessment", "/map"):
        answer = served.client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")


def test_a_body_too_large_is_refused_whatever_it_declares(served):
    declared = served.client.post("/check", content=b" " * 10_000_001, headers={"Content-Type": "application/json"})
    problem(declared, 413, "too-large")

    sent = 0

    def endless():
        nonlocal sent
        for _ in range(500):
            sent += 100_000
            yield b" " * 100_000

    chunked = served.client.post("/check", content=endless(), headers={"Content-Type": "application/json"})
    problem(chunked, 413, "too-large")
    assert sent < 20_000_000, "it was counted, not read to the end"


def test_an_upload_has_its_own_limit(service):
    with running(create_app(service, policy=OPEN, upload_bytes=3_000_000), service) as served:
        zipped = BytesIO()
        with zipfile.ZipFile(zipped, "w") as archive:
            archive.writestr("a.txt", b"0" * 2_500_000)
        answer = served.client.post("/check", files={"file": ("a.zip", zipped.getvalue())})
        assert answer.status_code not in {413, 500}

        def endless():
            yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
            for _ in range(100):
                yield b"0" * 100_000

        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        problem(served.client.post("/check", content=endless(), headers=kind), 413, "too-large")


def test_a_body_that_drips_is_given_up(service):
    app = Guard(create_app(service, policy=OPEN), grace_s=0.4)
    with running(app, service) as served:
        port = int(served.base.rpartition(":")[2])
        begun = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), timeout=600) as sock:
            sock.sendall(
                b"POST /check HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
            )
            answer = sock.recv(65536)
        assert answer.startswith(b"HTTP/1.1 408")
        assert time.monotonic() - begun < AT_ONCE_S


def test_an_internal_failure_says_nothing_of_the_inside(tmp_path, caplog):
    def broken():
        raise RuntimeError("SELECT secret FROM /home/planner")

    service = Service(Workspace.create(tmp_path / "ws"), broken)
    with running(create_app(service, policy=OPEN), service) as served:
        answer = served.get("/map")
        body = problem(answer, 500, "internal")
    assert "secret" not in answer.text and "/home" not in answer.text and "Traceback" not in answer.text
    assert body["instance"].removeprefix("urn:uuid:") in caplog.text, "the log can be found by the request's number"


def test_a_damaged_workspace_is_unavailable_and_names_no_path(tmp_path, catalogue_dir):
    workspace = build(tmp_path / "ws", catalogue_dir)
    file = next((tmp_path / "ws" / "editions").glob("zones@*"))
    file.write_bytes(file.read_bytes()[:100])
    service = Service(Workspace.open(workspace.directory), lambda: AS_OF)
    with running(create_app(service, policy=OPEN), service) as served:
        answer = served.get("/parcels")
        problem(answer, 503, "workspace-unavailable")
        assert str(tmp_path) not in answer.text and "zones@" not in answer.text
        assert answer.headers["retry-after"]


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    service = Service(Workspace.create(tmp_path_factory.mktemp("empty") / "ws"), lambda: AS_OF)
    with running(create_app(service, policy=OPEN), service) as served:
        yield served


def test_an_empty_workspace_answers(empty: Served):
    assert empty.get("/collections").json()["collections"] == []
    found = empty.get("/parcels").json()
    assert (found["features"], found["numberMatched"]) == ([], 0)
    for path in ("/", "/api", "/layers", "/assessments", "/map"):
        assert empty.get(path).status_code == 200, path
    assert "geo-service import" in empty.get("/", headers={"Accept": "text/html"}).text


def test_an_empty_workspace_checks_and_never_passes(empty: Served):
    square = [[113.05, 36.23], [113.052, 36.23], [113.052, 36.232], [113.05, 36.232], [113.05, 36.23]]
    body = empty.client.post("/check", json={"type": "Polygon", "coordinates": [square]}).json()
    assert body["parcel"]["zone"] is None
    assert body["verdict"]["status"] == "undetermined"
    assert {entry["outcome"] for entry in body["assessments"]} == {"no_data"}


def test_health_waits_for_the_data(service):
    ready = False
    with running(create_app(service, policy=OPEN, ready=lambda: ready), service) as served:
        answer = served.get("/healthz")
        problem(answer, 503, "not-ready")
        assert answer.headers["retry-after"]
        ready = True
        assert served.get("/healthz").json()["status"] == "ok"


def test_every_answer_carries_the_guarding_headers(served):
    for path in ("/", "/map", "/parcels/P/assessment", "/nothing", "/static/page/page.css", "/parcels?x=1"):
        headers = served.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-request-id"]
        assert "default-src 'none'" in headers["content-security-policy"]


def test_long_answers_are_compressed(served):
    answer = served.get("/rulebook", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert json.loads(answer.content)["edition"]
