"""Which role does what: every route, with every kind of key and with none."""

from __future__ import annotations

import pytest
from fastapi import APIRouter
from starlette.routing import Mount

from geo_service.api import app
from geo_service.api.access import PUBLIC, Guarded, Policy, needs, require_declared
from geo_service.api.app import create_app
from geo_service.errors import GeoServiceError
from geo_service.model.access import Role
from geo_service.service import Service
from tests.access.asking import ROUTES, Route
from tests.api.serving import AS_OF, running

OPEN_TO_ALL = {"GET /healthz", "GET /readyz", "GET /sign-in", "POST /sign-in", "POST /sign-out"}
#: What each role does beside reading; everything else is reading.
MORE = {
    "planner": {
        "POST /parcels/{parcel_id}/claims",
        "POST /parcels/{parcel_id}/links",
        "POST /layers/{layer_id}/editions",
        *(str(route) for route in ROUTES if route.path.startswith("/jobs/")),
    },
    "auditor": {"GET /audit"},
    "admin": {"GET /metrics"},
    "viewer": set(),
}
#: Nothing is stored by these, whoever asks.
CHECKS = {"POST /check", "POST /check/panels", "POST /map/list.xlsx"}


def nothing() -> None:
    """Answer nothing."""


def asked(guarded, route: Route, headers: dict[str, str] | None = None):
    return guarded.served.client.request(route.method, route.at(), headers=headers)


def test_only_the_doors_are_open():
    assert {str(route) for route in ROUTES if route.public} == OPEN_TO_ALL


@pytest.mark.parametrize("route", [route for route in ROUTES if not route.public], ids=str)
def test_without_a_key_nothing_is_answered(guarded, route):
    answer = asked(guarded, route)
    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    body = answer.json()
    assert body["code"] == "key-needed" and body["next"]["zh"] and body["next"]["en"]


@pytest.mark.parametrize("role", list(Role))
def test_a_role_does_what_it_is_for_and_nothing_else(guarded, role):
    for route in ROUTES:
        if route.public:
            continue
        beyond = {what for other, some in MORE.items() if other != role.value for what in some}
        answer = asked(guarded, route, guarded.keys[role.value])
        assert (answer.status_code == 403) == (str(route) in beyond), (str(route), answer.text[:300])
        assert answer.status_code != 401, str(route)
        if answer.status_code == 403:
            assert answer.json()["code"] == "role-too-small"


def test_a_refusal_names_the_role_that_is_missing_and_no_other(guarded):
    answer = guarded.served.client.post("/parcels/P/links", headers=guarded.keys["viewer"])
    assert (answer.status_code, answer.json()["detail_en"]) == (403, "this needs the role planner")


def test_every_route_that_writes_is_for_planners():
    writing = {str(route) for route in ROUTES if route.method != "GET" and not route.public} - CHECKS
    assert writing == {what for what in MORE["planner"] if not what.startswith("GET")}


def test_a_route_that_says_nothing_keeps_the_service_from_starting():
    silent = APIRouter(route_class=Guarded)
    silent.get("/secrets")(nothing)
    with pytest.raises(GeoServiceError, match="/secrets"):
        require_declared([silent])
    unguarded = APIRouter(dependencies=[needs(Role.VIEWER)])
    unguarded.get("/more-secrets")(nothing)
    with pytest.raises(GeoServiceError, match="/more-secrets"):
        require_declared([unguarded])
    said = APIRouter(route_class=Guarded)
    said.get("/plain", dependencies=[PUBLIC])(nothing)
    require_declared([said])


def test_the_application_does_not_start_with_a_route_that_says_nothing(workspace, monkeypatch):
    silent = APIRouter(route_class=Guarded)
    silent.get("/secrets")(nothing)
    monkeypatch.setattr(app, "ROUTERS", (*app.ROUTERS, silent))
    with pytest.raises(GeoServiceError, match="/secrets"):
        app.create_app(Service(workspace, lambda: AS_OF))


def test_the_application_answers_the_routes_that_were_declared_and_no_others(workspace):
    made = app.create_app(Service(workspace, lambda: AS_OF))
    declared = [route for router in app.ROUTERS for route in router.routes]
    [beside] = [one for one in made.routes if one not in declared]
    assert [one for one in made.routes if one is not beside] == declared
    # Style sheets and scripts, which are the same for everybody.
    assert isinstance(beside, Mount) and beside.path == "/static"


def test_a_method_that_a_route_does_not_have_is_no_way_in(guarded):
    for path in {route.path for route in ROUTES}:
        there = {route.method for route in ROUTES if route.path == path}
        for method in {"GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"} - there:
            answer = asked(guarded, Route(method, path, ()))
            # The head of what can be got is for those who may get it.
            as_got = method == "HEAD" and "GET" in there
            expected = asked(guarded, Route("GET", path, ())).status_code if as_got else 405
            assert answer.status_code == expected, (method, path)


def test_the_strictest_of_several_declarations_counts():
    router = APIRouter(route_class=Guarded, dependencies=[needs(Role.VIEWER)])
    router.post("/x", dependencies=[needs(Role.PLANNER)])(nothing)
    [route] = router.routes
    assert [need.role for need in route.needs] == [Role.VIEWER, Role.PLANNER]


def test_the_internal_package_is_for_planners(guarded):
    for path in ("/parcels/P/tender-package", "/parcels/P/tender-package.geojson", "/tender-packages?ids=P"):
        mark = "&" if "?" in path else "?"
        internal = f"{path}{mark}profile=internal&force=true"
        assert guarded.served.get(internal, headers=guarded.keys["viewer"]).status_code == 403
        assert guarded.served.get(internal, headers=guarded.keys["planner"]).status_code == 200
        assert guarded.served.get(f"{path}{mark}force=true", headers=guarded.keys["viewer"]).status_code == 200


def test_who_may_read_without_a_key_may_not_write(workspace):
    service = Service(workspace, lambda: AS_OF)
    with running(create_app(service, policy=Policy(anonymous=True)), service) as served:
        assert served.get("/parcels").json()["numberMatched"] == 5
        for path in ("/parcels/P/links", "/parcels/P/claims", "/layers/zones/editions"):
            assert served.client.post(path).status_code == 403, path
        assert served.get("/parcels/P/tender-package?profile=internal&force=true").status_code == 403
        assert served.get("/audit").status_code == 403
        # A wrong key is not the same as none.
        assert served.get("/parcels", headers={"X-API-Key": "lb_x"}).status_code == 401


def test_the_description_says_what_a_route_asks_for(guarded):
    document = guarded.served.get("/api", headers=guarded.keys["viewer"]).json()
    schemes = document["components"]["securitySchemes"]
    assert schemes["bearer"]["scheme"] == "bearer" and schemes["header"]["name"] == "X-API-Key"
    for route in ROUTES:
        operation = document["paths"][route.path][route.method.lower()]
        if route.public:
            assert operation["security"] == []
        else:
            assert {name for one in operation["security"] for name in one} == set(schemes)
            assert operation["x-roles"] and {"401", "403", "429"} <= set(operation["responses"])


def test_what_was_done_stands_under_the_key_that_did_it(guarded):
    key = guarded.key(Role.PLANNER)
    id_ = key["Authorization"].split("_")[1]
    form = {
        "service": "WATER",
        "kind": "permanent",
        "reach": "to_boundary",
        "document": "证〔2026〕1",
        "issuer": "示例供应公司",
        "dated_on": "2026-10-08",
        "entered_by": "甲",
        "reviewed_by": "乙",
    }
    assert guarded.served.client.post("/parcels/A-2/claims", json=form, headers=key).status_code == 200
    lines = guarded.served.get("/audit", headers=guarded.keys["auditor"]).json()["lines"]
    [line] = [line for line in lines if line["actor"] == id_]
    assert line["action"] == "register.put" and line["at"]
    some = guarded.served.get("/audit?limit=2", headers=guarded.keys["auditor"]).json()
    rest = guarded.served.get(some["links"][0]["href"], headers=guarded.keys["auditor"]).json()
    assert [one["seq"] for one in (*some["lines"], *rest["lines"])] == [one["seq"] for one in lines[:4]]
