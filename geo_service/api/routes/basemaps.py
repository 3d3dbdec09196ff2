"""Basemaps that the operator registered: which there are, and their pictures, fetched by this server alone."""

from __future__ import annotations

import base64
import logging
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from geo_service.api.access import Guarded, needs
from geo_service.api.answers import json_answer
from geo_service.api.links import JSON
from geo_service.api.openapi import answers
from geo_service.api.parameters import Col, OnlyKnown, Row
from geo_service.basemaps import Basemap, Source
from geo_service.basemaps.sources import picture
from geo_service.errors import NotFound
from geo_service.model.access import Role

router = APIRouter(
    tags=["底图 / basemaps"],
    route_class=Guarded,
    dependencies=[needs(Role.VIEWER), OnlyKnown],
    default_response_class=Response,
)
_LOG = logging.getLogger("geo_service.api")
#: One grey pixel, which a page draws as a whole tile.
GREY = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mN4AwAA7gDtPsb5bAAAAABJRU5ErkJggg==")
PNG = "image/png"
KEEP = {"Cache-Control": "private, max-age=600"}

Zoom = Annotated[int, Path(description="级别 / zoom")]
BasemapId = Annotated[str, Path(description="底图编号，见 /basemaps / id of a basemap, see /basemaps")]


def basemaps_of(request: Request) -> dict[str, tuple[Basemap, Source]]:
    """Return the basemaps there are, by id."""
    found: dict[str, tuple[Basemap, Source]] = request.app.state.basemaps
    return found


@router.get("/basemaps", summary="底图 / basemaps", responses=answers({JSON: "Object"}))
def basemaps(request: Request) -> Response:
    """已登记的底图：名称、基准、审图号和署名；默认没有 / the basemaps there are; none by default."""
    return json_answer({"basemaps": [one.described() for one, _ in basemaps_of(request).values()]})


@router.get(
    "/basemaps/{basemap_id}/{zoom}/{row}/{col}",
    summary="一张底图瓦片 / one picture of a basemap",
    responses={**answers({PNG: "Bytes"}, 404), 204: {"description": "此处没有图 / no picture there"}},
)
def picture_of(request: Request, basemap_id: BasemapId, zoom: Zoom, row: Row, col: Col) -> Response:
    """底图瓦片；来源无应答时为灰色，应答头 X-Basemap: offline / grey where its source does not answer."""
    found = basemaps_of(request).get(basemap_id)
    if found is None:
        raise NotFound(f"没有底图 {basemap_id[:64]} / there is no basemap {basemap_id[:64]}")
    basemap, source = found
    side = 1 << min(max(zoom, 0), basemap.most_zoom)
    if not (basemap.least_zoom <= zoom <= basemap.most_zoom and 0 <= row < side and 0 <= col < side):
        raise NotFound(f"底图没有 {zoom}/{row}/{col} / the basemap has no {zoom}/{row}/{col}")
    try:
        content = source.tile(zoom, row, col)
        shown = None if content is None else picture(content)
        if content is not None and shown is None:
            raise OSError("sent no picture")
    except OSError as error:
        _LOG.warning("basemap %s: %s", basemap.id, error)
        return Response(GREY, media_type=PNG, headers={"X-Basemap": "offline"})
    if shown is None:
        return Response(status_code=204, headers=KEEP)
    return Response(shown.content, media_type=shown.media, headers=KEEP)
