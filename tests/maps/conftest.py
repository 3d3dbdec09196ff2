"""A zone of a dozen parcels, see ``zone.py``, with its pages; and the demo behind its real server."""

import copy
import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from geo_service.api.app import create_app
from geo_service.maps.view import STATIC, check_page, compare_page, panel, parcel_page, zone_page
from geo_service.model.text import Text
from geo_service.service import Service
from geo_service.store.workspace import Workspace
from tests.api.serving import OPEN, Served, running
from tests.maps.browsing import SMALL, watched
from tests.maps.demo import AS_OF
from tests.maps.zone import HOSTILE, map_parcels, map_view, parcel_view

NONCE = "bm9uY2U"
#: How long a busy machine may take for an answer.
SLOW_MS = 120_000
POLICY = (
    f"default-src 'none'; script-src 'self' 'nonce-{NONCE}'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; "
    "base-uri 'none'; object-src 'none'; frame-ancestors 'self'"
)


@pytest.fixture(scope="session")
def parcels():
    return map_parcels()


@pytest.fixture(scope="session")
def view(parcels):
    return map_view(parcels)


@pytest.fixture
def spoilt(parcels):
    """Take a private copy of one parcel's record."""
    return lambda number: copy.deepcopy(next(dict(parcel.record) for parcel in parcels if parcel.id == number))


@pytest.fixture(scope="module")
def server(view):
    """Serve the pages with the policy a real server sends."""
    pages = {
        "/map": zone_page(view, single_file=False, nonce=NONCE),
        "/parcels/CZGX-2024-003/map": parcel_page(parcel_view(view, "CZGX-2024-003"), single_file=False, nonce=NONCE),
    }
    pages["/compare"] = compare_page(view, view.parcels[6:10], nonce=NONCE)
    pages["/check"] = check_page(view, crs=[("EPSG:4490", Text(HOSTILE[0], HOSTILE[1]))], nonce=NONCE)
    panels = {f"/parcels/{one.id}/panel": panel(one, view.names, view.layer_titles) for one in view.parcels}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            path = unquote(urlsplit(self.path).path)
            if path in pages:
                body, kind = pages[path].encode(), "text/html; charset=utf-8"
            elif path in panels:
                body, kind = json.dumps(panels[path]).encode(), "application/json"
            elif path.startswith("/static/") and (STATIC / path[8:]).is_file():
                kinds = {".js": "text/javascript", ".css": "text/css", ".png": "image/png"}
                body, kind = (STATIC / path[8:]).read_bytes(), kinds[Path(path).suffix]
            else:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", POLICY)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()


@pytest.fixture(scope="module")
def served(seeded, tmp_path_factory) -> Iterator[Served]:
    """Serve the demo to one who may enter claims."""
    directory = shutil.copytree(seeded, tmp_path_factory.mktemp("served") / "demo")
    service = Service(Workspace.open(directory), lambda: AS_OF)
    # Pages are then drawn from what is known, however busy the machine.
    for number in service.parcels:
        service.record(number)
    with running(create_app(service, policy=OPEN), service) as found:
        yield found


@pytest.fixture
def open_page(browser, served):
    """Open an address in a fresh browser."""

    @contextmanager
    def opened(address: str, size: tuple[int, int] = SMALL):
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, accept_downloads=True)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.set_default_timeout(SLOW_MS)
        # A refused file is an answer, which the browser notes down all the same.
        with watched(page, served.base, tolerated="422"):
            page.goto(address if "://" in address else served.base + address, wait_until="load")
            yield page
        context.close()

    return opened
