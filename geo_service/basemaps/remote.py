"""Pictures of a service that only this server asks, with the key that only it knows."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from email.message import Message
from typing import IO

from pydantic import SecretStr

TIMEOUT_S = 5.0
MOST_BYTES = 2_000_000


class _Stay(urllib.request.HTTPRedirectHandler):
    """A service that sends its callers elsewhere would take the key there."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        """Follow nothing."""


class Remote:
    """A service of pictures by zoom, row and column."""

    def __init__(self, template: str, key: SecretStr | None) -> None:
        self._template = template
        self._key = key
        self._open = urllib.request.build_opener(_Stay()).open

    def tile(self, zoom: int, row: int, column: int) -> bytes | None:
        """Return a picture.

        Raises
        ------
        OSError
            When the service does not answer in time, refuses, or sends more than a picture.
        """
        url = self._template.replace("{z}", str(zoom)).replace("{x}", str(column)).replace("{y}", str(row))
        if "{key}" in url:
            if self._key is None:
                raise OSError("the key is not in the environment")
            url = url.replace("{key}", self._key.get_secret_value())
        try:
            with self._open(url, timeout=TIMEOUT_S) as answer:
                content: bytes = answer.read(MOST_BYTES + 1)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 404:
                return None
            # Its own words hold the address, and the address the key.
            raise OSError(f"answered {error.code}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise OSError(type(error).__name__) from None
        if len(content) > MOST_BYTES:
            raise OSError("sent more than a picture")
        return content
