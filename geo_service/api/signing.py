"""The page on which a browser shows a key once; it needs no script and no other host."""

from __future__ import annotations

import re
import secrets

from fastapi import Request
from starlette.responses import Response

from geo_service.api.errors import Problem
from geo_service.api.pages import page
from geo_service.api.templating import template

AT = "/sign-in"
HOME = "/map"
_OWN_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")
_TEMPLATE = template("sign_in.html")


def own_path(path: str) -> str:
    """Return where to go after signing in: a path of this server, whatever was asked for.

    Examples
    --------
    >>> own_path("/parcels/P/map?as_of=2026-12-01"), own_path("//other/"), own_path("x:y")
    ('/parcels/P/map?as_of=2026-12-01', '/map', '/map')
    """
    return path if _OWN_PATH.fullmatch(path) and not path.startswith(AT) else HOME


def sign_in_page(
    request: Request, refused: Problem | None = None, *, after: str | None = None, signed_in: bool = False
) -> Response:
    """Show the page.

    Parameters
    ----------
    refused : Problem, optional
        Why it is shown instead of what was asked for; the answer has its status.
    after : str, optional
        Where to go then; else what was asked for.
    signed_in : bool
        Whether there is a way out to be shown.
    """
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    nonce = secrets.token_urlsafe(16)
    html = _TEMPLATE.render(refused=refused, after=own_path(after or asked), signed_in=signed_in, nonce=nonce)
    answer = page(html, nonce, forms=True)
    answer.headers["Cache-Control"] = "no-store"
    # Without a referrer a browser does not say either from which site a form comes.
    answer.headers["Referrer-Policy"] = "same-origin"
    if refused is not None:
        answer.status_code = refused.status
        answer.headers.update(refused.headers)
    return answer
