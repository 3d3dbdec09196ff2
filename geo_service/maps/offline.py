"""A folium map without its content delivery networks: every address it asks for is answered from here, or refused."""

from __future__ import annotations

import base64
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from geo_service.errors import GeoServiceError

if TYPE_CHECKING:
    import folium

STATIC = Path(__file__).parent / "static"

# By file name, because the library pins other patch versions than the ones vendored. ``None``: asked for by every page
# of the library and used by nothing on ours (markers, their fonts, popups through jQuery).
VENDORED: dict[str, str | None] = {
    "leaflet.js": "leaflet/leaflet.js",
    "leaflet.css": "leaflet/leaflet.css",
    "L.Control.Layers.Tree.min.js": "leaflet-layers-tree/L.Control.Layers.Tree.js",
    "L.Control.Layers.Tree.min.css": "leaflet-layers-tree/L.Control.Layers.Tree.css",
    "jquery-3.7.1.min.js": None,
    "bootstrap.bundle.min.js": None,
    "bootstrap.min.css": None,
    "bootstrap-glyphicons.css": None,
    "all.min.css": None,
    "leaflet.awesome-markers.js": None,
    "leaflet.awesome-markers.css": None,
    "leaflet.awesome.rotate.min.css": None,
}
_URL = re.compile(r"url\(\s*['\"]?(?!data:|#)([^'\")]+)['\"]?\s*\)")


class UnvendoredAsset(GeoServiceError):
    """A map asks for a file that is not kept here; the page would need another host."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A rendered map in parts: files under ``static/`` it needs, its element, and its script."""

    scripts: tuple[str, ...]
    styles: tuple[str, ...]
    html: str
    script: str


def kept(url: str) -> str | None:
    """Return the vendored file for an address, ``None`` for one deliberately left out.

    Examples
    --------
    >>> kept("https://host.example/npm/leaflet@1.9.3/dist/leaflet.js")
    'leaflet/leaflet.js'
    >>> kept("https://host.example/d3.min.js")
    Traceback (most recent call last):
    geo_service.maps.offline.UnvendoredAsset: no vendored file for https://host.example/d3.min.js
    """
    name = PurePosixPath(urlsplit(url).path).name
    if name not in VENDORED:
        raise UnvendoredAsset(f"no vendored file for {url}")
    return VENDORED[name]


def render_offline(drawing: folium.Map) -> Drawn:
    """Render a map without any outside address.

    Only links, the map's element and its script are taken; the page brings its own head.

    Raises
    ------
    UnvendoredAsset
        When the map needs a file that is not vendored.
    """
    from branca.element import CssLink, Figure, JavascriptLink

    figure = drawing.get_root()
    assert isinstance(figure, Figure)
    # Children add their links to the header while they render, so they come first.
    for child in list(figure._children.values()):
        child.render()
    links = list(figure.header._children.values())
    scripts = [kept(link.url) for link in links if isinstance(link, JavascriptLink)]
    styles = [kept(link.url) for link in links if isinstance(link, CssLink)]
    return Drawn(
        scripts=tuple(dict.fromkeys(path for path in scripts if path)),
        styles=tuple(dict.fromkeys(path for path in styles if path)),
        html=figure.html.render(),
        script=figure.script.render(),
    )


def inline_script(path: str) -> str:
    """Read a vendored script so that it can stand between script tags."""
    return (STATIC / path).read_text(encoding="utf-8").replace("</script", "<\\/script")


def inline_style(path: str) -> str:
    """Read a vendored style sheet with its pictures as data URIs."""

    def data_uri(found: re.Match[str]) -> str:
        picture = (STATIC / path).parent / found.group(1)
        kind = mimetypes.guess_type(picture.name)[0]
        return f"url(data:{kind};base64,{base64.b64encode(picture.read_bytes()).decode()})"

    return _URL.sub(data_uri, (STATIC / path).read_text(encoding="utf-8")).replace("</style", "<\\/style")
