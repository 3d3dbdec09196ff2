"""A page in the system's Chromium: opened, looked at, and closed only when nothing went wrong on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.api.serving import Served

#: Windows of an old office screen and of a new one.
SMALL, LARGE = (1366, 768), (1920, 1080)


@contextmanager
def watched(page, server: str, tolerated: str | None = None) -> Iterator[None]:
    """Afterwards nothing was blocked, nothing failed, nothing asked back and nobody else was asked.

    ``tolerated`` stands in lines that the browser itself notes down where nothing is wrong.
    """
    problems: list[str] = []
    asked: list[str] = []
    page.on("console", lambda said: problems.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: (problems.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    page.add_init_script(
        "document.addEventListener('securitypolicyviolation', "
        "(event) => console.error('blocked', event.violatedDirective, event.blockedURI));"
    )
    yield
    assert [line for line in problems if tolerated is None or tolerated not in line] == []
    assert [url for url in asked if not url.startswith((server, "file://", "data:", "blob:"))] == []


def opened(browser, address, server):
    context = browser.new_context(viewport={"width": SMALL[0], "height": SMALL[1]})
    found = context.new_page()
    with watched(found, server):
        found.goto(address)
        yield found
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
