"""Pages that were drawn lately, kept until their data change; each is sent with a nonce of its own."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Hashable
from threading import Lock

from starlette.responses import HTMLResponse, Response

from geo_service.kept import Kept
from geo_service.snapshot import Snapshot

KEPT_BYTES = 128_000_000
PageKey = tuple[int, Hashable, tuple[Hashable, ...]]


def page_key(snapshot: Snapshot, *more: Hashable) -> PageKey:
    """Return by what a page is kept: the state of the workspace that it shows, and what else it depends on."""
    return snapshot.moment, snapshot.revision, more


def page_policy(nonce: str, *, forms: bool = False) -> str:
    """Return the content security policy of a page whose inline scripts and styles carry a nonce.

    ``forms``: it may send one.
    """
    sent_to = "'self'" if forms else "'none'"
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; "
        "img-src 'self' data:; worker-src 'self' blob:; connect-src 'self'; base-uri 'none'; "
        f"form-action {sent_to}; "
        "frame-ancestors 'self'"
    )


def page(html: str | bytes, nonce: str, *, forms: bool = False) -> Response:
    """Send a page."""
    return HTMLResponse(html, headers={"Content-Security-Policy": page_policy(nonce, forms=forms)})


class Pages:
    """Drawn pages of the newest state of the workspace that somebody asked for.

    They are drawn with a mark where the nonce belongs. The mark is random and leaves this process in no answer, so
    nothing in the data can stand for it.
    """

    def __init__(self) -> None:
        self._mark = secrets.token_urlsafe(32)
        self._lock = Lock()
        self._kept: Kept[PageKey, bytes] = Kept(KEPT_BYTES)

    def answer(self, key: PageKey, draw: Callable[[str], str]) -> Response:
        """Send the page of a key.

        Parameters
        ----------
        key : tuple
            See `page_key`.
        draw : callable
            Draws the page with a nonce; called once a key while the page is kept.
        """
        nonce = secrets.token_urlsafe(16)
        return page(self.drawn(key, draw).replace(self._mark.encode(), nonce.encode()), nonce)

    def drawn(self, key: PageKey, draw: Callable[[str], str]) -> bytes:
        """Return the page of a key with the mark in it, see `answer`; drawn now unless it is kept."""
        html = self._kept.get(key)
        if html is None:
            with self._lock:
                html = self._kept.get(key)
                if html is None:
                    html = draw(self._mark).encode()
                    # Nobody asks for what was shown of a state that is over.
                    self._kept.drop(lambda old: old[0] < key[0])
                    self._kept.put(key, html, len(html))
        return html
