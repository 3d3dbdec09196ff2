"""Sheets for paper: pages that a browser prints to scale."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from geo_service.api.access import Guarded, needs
from geo_service.api.errors import bad_parameter
from geo_service.api.links import HTML, segment, url
from geo_service.api.openapi import answers
from geo_service.api.parameters import AsOfDay, Bbox, Box, OnlyKnown, ParcelId, Services, listed
from geo_service.api.routes.maps import pages
from geo_service.maps.sheet import MOST_LAYERS, Language, Orientation, Paper
from geo_service.model.access import Role
from geo_service.model.text import Text
from geo_service.service import Service

router = APIRouter(
    tags=["地图 / maps"],
    route_class=Guarded,
    dependencies=[needs(Role.VIEWER), OnlyKnown],
    default_response_class=Response,
)

LanguageOf = Annotated[Language, Query(alias="lang", description="语言 zh 或 en / language")]
PaperOf = Annotated[Paper, Query(description="纸张 A4 或 A3 / paper")]
OrientationOf = Annotated[Orientation, Query(description="纵向或横向 / portrait or landscape")]
Scale = Annotated[
    int | None,
    Query(ge=100, le=10_000_000, description="比例尺分母，默认取能容下的整比例尺 / denominator of the scale"),
]
LayersOf = Annotated[
    str | None,
    Query(description="要画的图层，逗号并列 / ids of the layers to draw, see /layers", examples=["roads,geohazard"]),
]


@router.get(
    "/parcels/{parcel_id:path}/sheet",
    summary="核查表 / check sheet of a parcel",
    responses=answers({HTML: "Page"}, 404, 422),
)
def check_sheet(
    request: Request,
    service: Services,
    parcel_id: ParcelId,
    as_of: AsOfDay = None,
    lang: LanguageOf = Language.ZH,
) -> Response:
    """供打印的核查表，A4 两页 / the check sheet for paper, two pages of A4."""
    permalink = _permalink(request, service, parcel_id, as_of)
    key = (service.snapshot().revision, "check", service.as_of(as_of), parcel_id, lang, permalink)
    return pages(request).answer(
        key, lambda nonce: service.check_sheet(parcel_id, as_of, permalink, language=lang, nonce=nonce)
    )


@router.get(
    "/parcels/{parcel_id:path}/map-sheet",
    summary="地块图 / map of a parcel for paper",
    responses=answers({HTML: "Page"}, 404, 422),
)
def parcel_map_sheet(
    request: Request,
    service: Services,
    parcel_id: ParcelId,
    as_of: AsOfDay = None,
    paper: PaperOf = Paper.A4,
    orientation: OrientationOf = Orientation.LANDSCAPE,
    scale: Scale = None,
    layers: LayersOf = None,
    lang: LanguageOf = Language.ZH,
) -> Response:
    """供打印的地块图，整比例尺 / the map of one parcel for paper, at a round scale."""
    permalink = _permalink(request, service, parcel_id, as_of)
    chosen = _layers(service, layers)
    key = (
        service.snapshot().revision,
        *("map", service.as_of(as_of), parcel_id, paper, orientation, scale, chosen, lang, permalink),
    )
    return pages(request).answer(
        key,
        lambda nonce: service.map_sheet(
            parcel_id,
            as_of,
            permalink,
            paper=paper,
            orientation=orientation,
            scale=scale,
            layers=chosen,
            language=lang,
            nonce=nonce,
        ),
    )


@router.get("/map-sheet", summary="核查图 / map of many parcels for paper", responses=answers({HTML: "Page"}, 422))
def map_sheet(
    request: Request,
    service: Services,
    bbox: Bbox = None,
    as_of: AsOfDay = None,
    paper: PaperOf = Paper.A3,
    orientation: OrientationOf = Orientation.LANDSCAPE,
    scale: Scale = None,
    layers: LayersOf = None,
    lang: LanguageOf = Language.ZH,
) -> Response:
    """供打印的核查图：全部地块，或 bbox 所示范围 / the map of all parcels, or of a window, for paper."""
    permalink = url(request, "/map", {"as_of": as_of} if as_of else None)
    chosen = _layers(service, layers)
    window: Box | None = bbox
    key = (
        service.snapshot().revision,
        *("map", service.as_of(as_of), window, paper, orientation, scale, chosen, lang, permalink),
    )
    return pages(request).answer(
        key,
        lambda nonce: service.map_sheet(
            None,
            as_of,
            permalink,
            paper=paper,
            orientation=orientation,
            scale=scale,
            window=window,
            layers=chosen,
            language=lang,
            nonce=nonce,
        ),
    )


def _permalink(request: Request, service: Service, parcel_id: str, as_of: date | None) -> str:
    """Return the address of the same result on screen, which names its date and its digest."""
    record = service.record(parcel_id, as_of)
    said = {"as_of": record["as_of"], "digest": record["provenance"]["digest"]}
    return url(request, f"/parcels/{segment(parcel_id)}/map", said)


def _layers(service: Service, given: str | None) -> frozenset[str] | None:
    if given is None:
        return None
    names = listed(given)
    for name in names:
        if name not in service.catalogue.layers:
            raise bad_parameter(
                "layers", Text(f"没有图层 {name[:64]}，见 /layers", f"no layer {name[:64]}, see /layers"), name
            )
    if len(names) > MOST_LAYERS:
        raise bad_parameter(
            "layers",
            Text(f"一幅图最多画 {MOST_LAYERS} 个图层", f"one sheet has room for {MOST_LAYERS} layers"),
            given,
        )
    return frozenset(names)
