"""Make the pictures of the README from the demo: ``zone.png``, ``parcel.png`` and ``check.png`` in ``docs/images``.

Run by hand from the source tree when the pages or the demo change: ``python tools/screenshots.py``. The demo is seeded
in a temporary folder and served on this machine only; the system's Chromium draws it at 1366 by 768.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from threading import Thread

import uvicorn
from playwright.sync_api import Page, sync_playwright

from geo_service.api.access import Policy
from geo_service.api.app import create_app
from geo_service.cli.demo import seed
from geo_service.service import Service

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
MANIFEST = ROOT / "layers" / "demo" / "demo.toml"
SIZE = (1366, 768)
#: Latitude, longitude and zoom at which the whole zone is seen beside an open panel.
WHOLE = "36.2401,113.0558,12.9"
MOST_BYTES = 600_000
PATIENCE_MS = 120_000
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@contextmanager
def serving(service: Service) -> Iterator[str]:
    """Serve on a free port of this machine; gives the address."""
    app = create_app(service, policy=Policy(anonymous=True, local=True))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise SystemExit("the server did not start")
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def take(page: Page, address: str, name: str, upload: Path | None = None) -> None:
    """Draw one address, with a file dropped on it, and keep it as a picture."""
    page.set_default_timeout(PATIENCE_MS)
    page.goto(address, wait_until="networkidle")
    if upload is not None:
        page.locator("#file").set_input_files(upload)
    page.locator("#panel .verdict").wait_for()
    page.evaluate("document.fonts.ready")
    # Tips fade in.
    page.wait_for_timeout(500)
    path = IMAGES / name
    page.screenshot(path=path)
    size = path.stat().st_size
    print(f"{path.relative_to(ROOT)}  {size:,} B")
    if size > MOST_BYTES:
        raise SystemExit(f"{name} is larger than {MOST_BYTES:,} B")


def main() -> None:
    """Seed, serve, draw."""
    manifest = tomllib.loads(MANIFEST.read_text(encoding="utf-8"))
    as_of: date = manifest["as_of"]
    cases = manifest["cases"]
    boundary = MANIFEST.parent / manifest["files"]["boundary"]
    pictures = (
        (f"/map#p={cases['moderate']}&row=HAZARD&at={WHOLE}", "zone.png", None),
        (f"/parcels/{cases['B']}/map#row=SWC", "parcel.png", None),
        ("/check", "check.png", boundary),
    )
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        service = Service(seed(Path(folder) / "demo"), lambda: as_of)
        with serving(service) as base, sync_playwright() as player:
            browser = player.chromium.launch(executable_path=shutil.which("chromium"), args=ARGS)
            for address, name, upload in pictures:
                page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
                take(page, base + address, name, upload)
                page.close()
            browser.close()


if __name__ == "__main__":
    main()
