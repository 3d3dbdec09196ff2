"""Whole collections as one file, to be saved."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response, StreamingResponse

from geo_service.api.access import Guarded, needs
from geo_service.api.answers import holds, unchanged
from geo_service.api.collections import feature
from geo_service.api.errors import Problem
from geo_service.api.links import GEOJSON
from geo_service.api.openapi import answers
from geo_service.api.parameters import AsOfDay, CollectionId, Services, refuse_unknown
from geo_service.api.reference import LONGITUDE_FIRST
from geo_service.api.routes.features import shelf
from geo_service.engine import require_rules
from geo_service.export.geojson import compact, together
from geo_service.model.access import Role
from geo_service.model.text import Text

router = APIRouter(
    tags=["OGC API – Features"],
    route_class=Guarded,
    dependencies=[needs(Role.VIEWER)],
    default_response_class=Response,
)
#: Such an answer is not packed, and its tag names its bytes.
IN_PARTS = {"Accept-Ranges": "bytes"}
_RANGE = r"[ \t]*(?:[0-9]{1,18}-[0-9]{0,18}|-[0-9]{1,18})[ \t]*"
_RANGES = re.compile(rf"bytes=({_RANGE}(?:,{_RANGE})*)", re.IGNORECASE)


class _InParts(FileResponse):
    """The framework's file, read by RFC 9110: what is no range of bytes is not heeded, and refusals are problems."""

    @classmethod
    def _parse_range_header(cls, http_range: str, file_size: int) -> list[tuple[int, int]]:
        """Return the parts that are asked for; none: the whole file is sent."""
        asked = _RANGES.fullmatch(http_range)
        if asked is None:
            return []
        parts = [part.strip().split("-") for part in asked[1].split(",")]
        if any(first and last and int(first) > int(last) for first, last in parts):
            return []
        there = [f"{first}-{last}" for first, last in parts if (int(first) < file_size if first else int(last) > 0)]
        if not there:
            raise _beyond(http_range, file_size)
        return super()._parse_range_header(f"bytes={','.join(there)}", file_size)


def _beyond(asked: str, size: int) -> Problem:
    return Problem(
        416,
        "range-not-satisfiable",
        Text(f"文件共 {size:,} 字节，所请求的部分不在其中", f"the file has {size:,} bytes; no part asked for is in it"),
        step=Text("请核对 Range，或不带 Range 重新下载", "look at Range, or ask for the whole without it"),
        value=asked,
        headers={"Content-Range": f"bytes */{size}"},
    )


@router.get(
    "/collections/{collection_id}/export.geojson",
    summary="整个数据集 / a whole collection",
    responses=answers({GEOJSON: "FeatureCollection"}, 404, 416, 422),
)
def export(request: Request, service: Services, collection_id: CollectionId, as_of: AsOfDay = None) -> Response:
    """整个数据集为一个 GeoJSON 文件，边读边发，可断点续传（as_of 仅用于 verdicts）.

    A whole collection as one GeoJSON file, sent as it is read; parts of it may be asked for with ``Range``
    (``as_of`` for verdicts only). Verdicts are concluded while they are sent.
    """
    snapshot, places = service.snapshot(), shelf(request)
    found = places.collection(snapshot, collection_id)
    refuse_unknown(request, ["as_of"] if found.takes_as_of else [])
    saved = {"Content-Disposition": f'attachment; filename="{found.id}.geojson"'}
    if found.takes_as_of:
        asked = service.as_of(as_of)
        # Once the head is sent there is no way left to say what is wrong with a date.
        for day in sorted({asked.on(notice) for _, notice in snapshot.parcels.notices()}):
            require_rules(service.rulebook, day)
        items = places.verdicts(snapshot, asked)
        features = (compact(feature(items, row, LONGITUDE_FIRST)) for row in range(len(items.ids)))
        return StreamingResponse(together(features), 200, saved, GEOJSON)
    content = service.whole_layer(snapshot.layers.editions[found.id])
    if isinstance(content, Iterator):
        return StreamingResponse(content, 200, saved, GEOJSON)
    if holds(request, content.sha256):
        return unchanged(content.sha256, IN_PARTS)
    return _InParts(content.path, 200, {**saved, **IN_PARTS, "ETag": f'"{content.sha256}"'}, GEOJSON)
