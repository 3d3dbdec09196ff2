"""A browser shows its key once, and no other site can make use of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from geo_service.api import access
from geo_service.api.access import COOKIE, Policy
from geo_service.api.app import create_app
from geo_service.model.access import Role
from geo_service.service import Service
from tests.api.serving import AS_OF, running

PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def key(guarded) -> str:
    return guarded.key(Role.PLANNER, {"Z"})["Authorization"].removeprefix("Bearer ")


@pytest.fixture
def visitor(guarded):
    with httpx.Client(base_url=guarded.served.base, trust_env=False, timeout=600) as client:
        yield client


def test_whoever_opens_a_page_is_asked_to_sign_in_and_gets_it_then(guarded, visitor, key):
    asked = visitor.get("/parcels/P/map?as_of=2026-12-02", headers=PAGE)
    assert asked.status_code == 401 and asked.headers["content-type"].startswith("text/html")
    assert "登录" in asked.text and "Sign in" in asked.text and "https://" not in asked.text
    assert 'value="/parcels/P/map?as_of=2026-12-02"' in asked.text
    assert (
        "form-action 'self'" in asked.headers["content-security-policy"]
        and "no-store" in asked.headers["cache-control"]
    )
    entered = visitor.post("/sign-in", data={"key": f" {key} ", "after": "/parcels/P/map?as_of=2026-12-02"})
    assert entered.status_code == 303 and entered.headers["location"] == "/parcels/P/map?as_of=2026-12-02"
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "path=/" in cookie and "max-age=43200" in cookie
    assert key not in entered.headers["set-cookie"]
    page = visitor.get(entered.headers["location"], headers=PAGE)
    assert page.status_code == 200 and "示例地块" in page.text
    # The session sees what the key sees.
    assert visitor.get("/parcels").json()["numberMatched"] == 2


def test_the_way_out(guarded, visitor, key):
    visitor.post("/sign-in", data={"key": key})
    assert "/sign-out" in visitor.get("/sign-in").text
    copied, session = visitor.cookies[COOKIE], visitor.get("/parcels")
    assert session.status_code == 200
    visitor.post("/sign-in", data={"key": key})
    other = visitor.cookies[COOKIE]
    left = visitor.post("/sign-out", headers={"Cookie": f"{COOKIE}={copied}"})
    assert left.status_code == 303 and COOKIE not in visitor.cookies
    assert visitor.get("/parcels").status_code == 401
    # What somebody took a copy of is over as well; the same key's other session is not, and a second time does no harm.
    for shown, status in ((copied, 401), (other, 200)):
        assert visitor.get("/parcels", headers={"Cookie": f"{COOKIE}={shown}"}).status_code == status
    assert visitor.post("/sign-out", headers={"Cookie": f"{COOKIE}={copied}"}).status_code == 303
    assert visitor.post("/sign-out").status_code == 303


def test_whoever_signs_out_where_it_cannot_be_noted_is_signed_out_here_and_told(guarded, visitor, key, workspace):
    visitor.post("/sign-in", data={"key": key})
    lock = workspace.directory / "register.sqlite.lock"
    lock.unlink()
    lock.mkdir()
    try:
        left = visitor.post("/sign-out")
    finally:
        lock.rmdir()
    assert left.status_code == 503 and COOKIE not in visitor.cookies
    assert 'role="alert"' in left.text and "this browser is signed out" in left.text
    assert 'value="/map"' in left.text and str(workspace.directory) not in left.text


def test_another_process_knows_that_a_session_was_ended(guarded, visitor, key, workspace, monkeypatch):
    visitor.post("/sign-in", data={"key": key})
    session = visitor.cookies[COOKIE]
    with running(create_app(guarded.served.service, policy=Policy()), guarded.served.service) as another:
        shown = {"Cookie": f"{COOKIE}={session}"}
        assert another.get("/parcels", headers=shown).status_code == 200
        visitor.post("/sign-out")
        monkeypatch.setattr(access, "REMEMBERED_S", 0.0)
        assert another.get("/parcels", headers=shown).status_code == 401


def test_what_is_noted_of_ended_sessions_goes_when_they_would_be_over(workspace):
    keys, now = workspace.keys, datetime.now(UTC)
    keys.end_session("a" * 16, int(now.timestamp()) + 5, now)
    keys.end_session("b" * 16, int(now.timestamp()) + 50, now + timedelta(seconds=10))
    assert [keys.session_ended(number * 16) for number in "ab"] == [False, True]


def test_a_wrong_key_is_said_on_the_page(guarded, visitor):
    answer = visitor.post("/sign-in", data={"key": "lb_wrong", "after": "/check"})
    assert answer.status_code == 401 and COOKIE not in visitor.cookies
    assert 'role="alert"' in answer.text and 'value="/check"' in answer.text


@pytest.mark.parametrize(
    "after", ["//evil.example/", "https://evil.example/", "/\\evil.example", "x", "/a\nb", "/sign-in"]
)
def test_nobody_is_sent_to_another_site(guarded, visitor, key, after):
    assert visitor.post("/sign-in", data={"key": key, "after": after}).headers["location"] == "/map"
    assert f'value="{after}"' not in visitor.get("/sign-in", params={"after": after}).text


def test_what_is_in_the_address_is_text_on_the_page(visitor):
    page = visitor.get("/sign-in", params={"after": '/"><script>alert(1)</script>'})
    assert "<script>alert" not in page.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_sites_page_changes_nothing_in_the_name_of_who_is_signed_in(guarded, visitor, key, headers):
    visitor.post("/sign-in", data={"key": key})
    for path in ("/parcels/P/links", "/parcels/P/claims", "/check", "/sign-out", "/sign-in"):
        answer = visitor.post(path, headers=headers, data={"key": key} if path == "/sign-in" else None)
        assert (answer.status_code, answer.json()["code"]) == (403, "other-origin"), path
    own = {"Origin": guarded.served.base, "Sec-Fetch-Site": "same-origin"}
    assert visitor.post("/parcels/P/links", headers=own).status_code == 200


def test_the_same_holds_for_whoever_sits_at_the_machine(workspace):
    service = Service(workspace, lambda: AS_OF)
    with running(create_app(service, policy=Policy(local=True)), service) as served:
        post = served.client.post
        assert post("/parcels/P/links").status_code == 200
        assert post("/parcels/P/links", headers={"Origin": "http://evil.example"}).status_code == 403
        # Another site's name may lead to this machine.
        assert post("/parcels/P/links", headers={"Host": "evil.example"}).status_code == 401
        assert served.get("/parcels", headers={"Host": "evil.example"}).status_code == 401


def test_a_session_that_was_tampered_with_or_has_ended_opens_nothing(guarded, visitor, key, monkeypatch):
    visitor.post("/sign-in", data={"key": key})
    session = visitor.cookies[COOKIE]
    id_, until, number, seal = session.split(".")
    visitor.cookies.clear()
    other = guarded.key(Role.ADMIN)["Authorization"].split("_")[1]
    for changed in (
        f"{other}.{until}.{number}.{seal}",
        f"{id_}.{int(until) + 1}.{number}.{seal}",
        f"{id_}.{until}.{'0' * 16}.{seal}",
        f"{id_}.{until}.{number}.{'0' * 64}",
        f"{id_}.{until}.{seal}",
        f"{id_}.{until}",
        f"{id_}.١٢.{number}.{seal}",
        "",
    ):
        answer = visitor.get("/parcels", headers={"Cookie": f"{COOKIE}={changed}".encode()})
        assert answer.status_code == 401, changed
    monkeypatch.setattr(access, "REMEMBERED_S", 0.0)
    assert visitor.get("/parcels", headers={"Cookie": f"{COOKIE}={session}"}).status_code == 200
    guarded.workspace.keys.revoke(id_, datetime.now(UTC))
    assert visitor.get("/parcels", headers={"Cookie": f"{COOKIE}={session}"}).status_code == 401


def test_a_session_ends(workspace, monkeypatch):
    service = Service(workspace, lambda: AS_OF)
    key, _ = workspace.keys.add(Role.VIEWER, None, "", 1, datetime.now(UTC))
    with running(create_app(service, policy=Policy(session_s=0.0)), service) as served:
        served.client.post("/sign-in", data={"key": key})
        assert served.get("/parcels").status_code == 401


@pytest.mark.chromium
def test_signing_in_with_a_browser(guarded, browser, key):
    page = browser.new_page()
    page.goto(f"{guarded.served.base}/check")
    page.get_by_label("密钥").fill(key)
    page.get_by_role("button", name="登录").click()
    page.wait_for_url("**/check")
    assert "核查" in page.title()
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("fetch('/parcels/P/links', {method: 'POST'}).then(answer => answer.status)") == 200
    page.close()
