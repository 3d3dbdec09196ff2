"""Pages work without any other host, under a policy that lets only our scripts run."""

from __future__ import annotations

import re

import pytest

PAGES = ("/", "/docs", "/map", "/parcels/P/map", "/collections/parcels/items", "/sign-in")


def html(served, path: str):
    answer = served.get(path, headers={"Accept": "text/html,*/*;q=0.5"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    return answer


@pytest.mark.parametrize("path", PAGES)
def test_a_page_asks_no_other_host(served, path):
    text = html(served, path).text
    # Names of namespaces are not addresses; everything that a browser would load is.
    loaded = re.findall(r"(?:src|href|action|data)\s*=\s*[\"']?([^\"'\s>]+)", text)
    assert not [to for to in loaded if to.startswith(("http:", "https:", "//"))]
    assert not re.findall(r"https?://(?!www\.w3\.org/)[^\s\"'<>]+", text)


@pytest.mark.parametrize("path", (*PAGES, "/parcels/P/sheet"))
def test_inline_scripts_and_styles_count_by_their_nonce_only(served, path):
    answer = html(served, path)
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy and "frame-ancestors 'self'" in policy and "base-uri 'none'" in policy
    nonce = re.search(r"'nonce-([^']+)'", policy)[1]
    assert not re.findall(r"<[^>]+\sstyle\s*=", re.sub(r"<script.*?</script>", "", answer.text, flags=re.S))
    for tag in re.findall(r"<(?:script|style)[^>]*>", answer.text):
        assert f'nonce="{nonce}"' in tag or "src=" in tag or 'type="application/json"' in tag
    assert nonce not in html(served, path).headers["content-security-policy"], "a nonce is used once"


def test_browsers_get_a_page_and_programs_json(served):
    assert "<h1>" in html(served, "/").text
    for accept in ("application/json", "*/*", "", "application/json, text/html;q=0.5"):
        assert served.get("/", headers={"Accept": accept}).headers["content-type"] == "application/json"
    assert served.get("/").headers["vary"].startswith("Accept")


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/nowhere", 404, "没有该地址"),
        ("/parcels/P-9/map", 404, "没有地块 P-9"),
        ("/map?as_of=gestern", 400, "参数 as_of"),
        ("/collections/parcels/items?bbox=<script>alert(1)</script>", 400, "&lt;script&gt;alert(1)"),
        ("/collections/parcels/items?filter=%ED%A0%80", 400, "参数 filter"),
    ],
)
def test_a_browser_is_told_on_a_page_what_is_wrong_and_a_program_in_a_problem_document(served, path, status, says):
    plain = {"Accept-Encoding": "identity"}
    shown = served.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", **plain})
    told = served.get(path, headers=plain)
    assert (shown.status_code, told.status_code) == (status, status)
    assert shown.headers["content-type"].startswith("text/html")
    assert told.headers["content-type"] == "application/problem+json"
    assert says in shown.text and "<script" not in shown.text
    assert told.json()["code"] in shown.text and shown.headers["x-request-id"] in shown.text
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert shown.headers["vary"] == told.headers["vary"] == "Accept, Accept-Encoding"
    # As with answers, a form that is asked for in the address goes before what a library accepts by itself.
    named = f"{path}{'&' if '?' in path else '?'}f=json"
    asked = served.get(named, headers={"Accept": "text/html, image/gif, *; q=.2, */*; q=.2"})
    assert asked.headers["content-type"] == "application/problem+json"
    # What is sent by a form or a script is answered as before.
    sent = served.client.post(
        "/check", content=b"{", headers={"Accept": "text/html", "Content-Type": "application/geo+json"}
    )
    assert sent.headers["content-type"] == "application/problem+json"


def test_a_hostile_name_stays_text(served):
    for path in ("/map", "/parcels/P/map"):
        assert "<script>alert(1)" not in served.get(path).text


def test_the_map_can_be_asked_for_a_date(served):
    assert "2027-03-04" in served.get("/map?as_of=2027-03-04").text


def test_static_files_have_their_types(served):
    for path, kind in (
        ("/static/swagger-ui/swagger-ui-bundle.js", "text/javascript"),
        ("/static/swagger-ui/swagger-ui.css", "text/css"),
        ("/static/leaflet/leaflet.js", "text/javascript"),
    ):
        answer = served.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        assert answer.headers["etag"]


@pytest.mark.chromium
@pytest.mark.parametrize("path", PAGES)
def test_in_a_browser_nothing_is_blocked_and_nothing_asked_elsewhere(served, browser, path):
    said: list[str] = []
    asked: list[str] = []
    with browser.new_context() as context:
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(served.base + path, wait_until="networkidle")
        if path == "/docs":
            page.wait_for_selector(".opblock")
            assert page.locator(".opblock").count() > 20
    assert said == []
    assert not [url for url in asked if not url.startswith((served.base, "data:", "blob:"))]
