"""OGC API – Tiles: every collection as vector tiles, and what the tiles are cut by."""

from __future__ import annotations

import gzip
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from geo_service.api.access import Guarded, needs
from geo_service.api.answers import json_answer, tagged, takes_gzip
from geo_service.api.collections import Collection
from geo_service.api.links import JSON, link, segment, url
from geo_service.api.openapi import answers
from geo_service.api.parameters import AsOfDay, Col, CollectionId, OnlyKnown, Row, Services, refuse_unknown
from geo_service.api.routes.features import shelf
from geo_service.api.tiles import Tiles, matrices
from geo_service.errors import NotFound
from geo_service.model.access import Role
from geo_service.snapshot import Snapshot
from geo_service.tiles import COUNTS, MOST_ZOOM, Square

router = APIRouter(
    tags=["OGC API – Tiles"], route_class=Guarded, dependencies=[needs(Role.VIEWER)], default_response_class=Response
)
MVT = "application/vnd.mapbox-vector-tile"
MATRIX_SET = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"
_DIMENSION = {"polygon": 2, "line": 1}

MatrixSet = Annotated[str, Path(description="瓦片矩阵集，见 /tileMatrixSets / see /tileMatrixSets")]
Zoom = Annotated[int, Path(description=f"级别 0–{MOST_ZOOM} / zoom 0–{MOST_ZOOM}")]


def tiles_of(request: Request) -> Tiles:
    """Return what has been cut so far."""
    found: Tiles = request.app.state.tiles
    return found


def _matrix_set(name: str) -> dict[str, Any]:
    if name not in matrices():
        there = "、".join(matrices())
        raise NotFound(
            f"没有瓦片矩阵集 {name[:64]}，可用：{there} / no tile matrix set {name[:64]}; there are: {there}"
        )
    return matrices()[name]


@router.get(
    "/tileMatrixSets",
    dependencies=[OnlyKnown],
    summary="瓦片矩阵集 / tile matrix sets",
    responses=answers({JSON: "Object"}),
)
def tile_matrix_sets(request: Request) -> Response:
    """瓦片按何种矩阵切分 / what tiles may be cut by."""
    return json_answer(
        {
            "tileMatrixSets": [
                {
                    **{key: found[key] for key in ("id", "title", "uri", "crs")},
                    "links": [link(url(request, f"/tileMatrixSets/{segment(name)}"), "self", JSON, name)],
                }
                for name, found in matrices().items()
            ]
        }
    )


@router.get(
    "/tileMatrixSets/{tms}",
    dependencies=[OnlyKnown],
    summary="一个瓦片矩阵集 / one tile matrix set",
    responses=answers({JSON: "Object"}, 404),
)
def tile_matrix_set(tms: MatrixSet) -> Response:
    """各级别的比例尺和行列数 / scale, rows and columns of every zoom."""
    return json_answer(_matrix_set(tms))


@router.get(
    "/collections/{collection_id}/tiles",
    dependencies=[OnlyKnown],
    summary="瓦片集 / tilesets",
    responses=answers({JSON: "Object"}, 404),
)
def tilesets(request: Request, service: Services, collection_id: CollectionId) -> Response:
    """一个数据集的瓦片集 / the tilesets of a collection."""
    snapshot = service.snapshot()
    found = shelf(request).collection(snapshot, collection_id)
    return json_answer(
        {
            "tilesets": [_tileset(request, snapshot, found, name) for name in matrices()],
            "links": [link(url(request, f"/collections/{segment(found.id)}/tiles"), "self", JSON, found.id)],
        }
    )


@router.get(
    "/collections/{collection_id}/tiles/{tms}",
    dependencies=[OnlyKnown],
    summary="一个瓦片集 / one tileset",
    responses=answers({JSON: "Object"}, 404),
)
def tileset(request: Request, service: Services, collection_id: CollectionId, tms: MatrixSet) -> Response:
    """瓦片的地址写法和范围 / how tiles are addressed, and where they are."""
    _matrix_set(tms)
    snapshot = service.snapshot()
    return json_answer(_tileset(request, snapshot, shelf(request).collection(snapshot, collection_id), tms))


def _tileset(request: Request, snapshot: Snapshot, collection: Collection, tms: str) -> dict[str, Any]:
    path = f"/collections/{segment(collection.id)}/tiles/{segment(tms)}"
    template = link(url(request, path) + "/{tileMatrix}/{tileRow}/{tileCol}", "item", MVT, "瓦片 / tiles")
    body: dict[str, Any] = {
        "title": f"{collection.title.zh} / {collection.title.en}",
        "dataType": "vector",
        "crs": matrices()[tms]["crs"],
        "tileMatrixSetId": tms,
        "tileMatrixSetURI": matrices()[tms]["uri"],
        "layers": [
            {"id": collection.layer, "dataType": "vector"},
            {"id": collection.layer + COUNTS, "dataType": "vector", "geometryDimension": 2},
        ],
        "links": [
            link(url(request, path), "self", JSON, collection.id),
            {**template, "templated": True},
            link(url(request, f"/tileMatrixSets/{segment(tms)}"), MATRIX_SET, JSON, tms),
        ],
    }
    if collection.geometry in _DIMENSION:
        body["layers"][0]["geometryDimension"] = _DIMENSION[collection.geometry]
    bounds = shelf(request).bounds(snapshot, collection)
    if bounds is not None:
        body["boundingBox"] = {"lowerLeft": bounds[:2], "upperRight": bounds[2:]}
    return body


@router.get(
    "/collections/{collection_id}/tiles/{tms}/{zoom}/{row}/{col}",
    summary="一张矢量瓦片 / one vector tile",
    responses={**answers({MVT: "Bytes"}, 404, 422), 204: {"description": "此处没有要素 / nothing lies there"}},
)
def tile(
    request: Request,
    service: Services,
    collection_id: CollectionId,
    tms: MatrixSet,
    zoom: Zoom,
    row: Row,
    col: Col,
    as_of: AsOfDay = None,
) -> Response:
    """矢量瓦片（MVT）；要素过多时给出各小格的数目（图层名加 _counts）；as_of 仅用于 verdicts.

    A vector tile (MVT); where there are too many features it holds their numbers by small squares, in a layer whose
    name ends in ``_counts``; ``as_of`` for verdicts only.
    """
    _matrix_set(tms)
    snapshot = service.snapshot()
    found = shelf(request).collection(snapshot, collection_id)
    refuse_unknown(request, ["as_of"] if found.takes_as_of else [])
    try:
        square = Square(zoom, row, col)
    except ValueError:
        raise NotFound(
            f"没有瓦片 {zoom}/{row}/{col}，级别 0–{MOST_ZOOM}，行列从 0 起 / "
            f"no tile {zoom}/{row}/{col}; zooms are 0–{MOST_ZOOM}, rows and columns count from 0"
        ) from None
    tiles = tiles_of(request)
    tiled = tiles.tiled(snapshot, found, service.as_of(as_of))
    content = tiles.tile(tiled, square)
    headers = {"Vary": "Accept-Encoding"}
    if not content:
        return Response(status_code=204, headers={**headers, "ETag": f'"{tiled.tag}"'})
    if takes_gzip(request.headers.get("accept-encoding", "")):
        return tagged(request, content, tiled.tag, MVT, {**headers, "Content-Encoding": "gzip"})
    return tagged(request, gzip.decompress(content), f"{tiled.tag}-plain", MVT, headers)
