"""A page in the system's Chromium: opened, looked at, and closed only when nothing went wrong on it."""

from __future__ import annotations

from tests.api.serving import Served

#: Windows of an old office screen and of a new one.
SMALL, LARGE = (1366, 768), (1920, 1080)


def opened(browser, address, server):
    context = browser.new_context(viewport={"width": SMALL[0], "height": SMALL[1]})
    found = context.new_page()
    problems, requests = [], []
    found.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    found.on("pageerror", lambda error: problems.append(str(error)))
    found.on("dialog", lambda dialog: (problems.append(f"dialog {dialog.message}"), dialog.dismiss()))
    found.on("request", lambda request: requests.append(request.url))
    found.goto(address)
    yield found
    assert problems == []
    assert [url for url in requests if not url.startswith((server, "file://", "data:"))] == []
    context.close()


def shapes(page):
    return page.locator(".leaflet-overlay-pane path.leaflet-interactive")


def fills(page):
    return page.evaluate(
        "[...document.querySelectorAll('.leaflet-overlay-pane path')].map((path) => path.getAttribute('fill'))"
    )


def listed(page):
    return [line.split()[0] for line in page.locator("#parcels li[data-i]").all_inner_texts()]


def choose(page, number):
    page.locator(f'#parcels li[data-i="{number - 1}"] > button').click()
    page.locator("#panel .verdict").wait_for()


def wait(page, condition: str) -> None:
    """Wait for a condition; the driver's own way is forbidden by the page's policy."""
    for _ in range(600):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(condition)


def audit(served: Served) -> int:
    """Count what was changed so far."""
    return len(served.service.workspace.register.audit())


def results(page) -> list[str]:
    """Wait for the answer to a boundary; what was found in it."""
    page.locator(".results, .refusal").first.wait_for()
    return page.locator(".results b").all_inner_texts()
