"""Sheets for paper: pages that a browser prints to scale."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from geo_service.api.access import Guarded, needs
from geo_service.api.errors import bad_parameter
from geo_service.api.links import HTML, segment, url
from geo_service.api.openapi import answers
from geo_service.api.pages import page_key
from geo_service.api.parameters import AsOfDay, Bbox, Box, LanguageOf, OnlyKnown, ParcelId, Services, listed
from geo_service.api.routes.basemaps import basemaps_of
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
BasemapOf = Annotated[
    str | None,
    Query(description="垫在图下的底图，见 /basemaps；默认没有 / id of a basemap to lay under the map; none by default"),
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
    basemap: BasemapOf = None,
    lang: LanguageOf = Language.ZH,
) -> Response:
    """供打印的核查表，A4 两页 / the check sheet for paper, two pages of A4."""
    permalink = _permalink(request, service, parcel_id, as_of)
    under = _under(request, basemap)
    key = page_key(service.snapshot(), "check", service.as_of(as_of), parcel_id, lang, basemap, permalink)
    return pages(request).answer(
        key, lambda nonce: service.check_sheet(parcel_id, as_of, permalink, language=lang, basemap=under, nonce=nonce)
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
    basemap: BasemapOf = None,
    lang: LanguageOf = Language.ZH,
) -> Response:
    """供打印的地块图，整比例尺 / the map of one parcel for paper, at a round scale."""
    permalink = _permalink(request, service, parcel_id, as_of)
    wanted = _Map(as_of, permalink, paper, orientation, scale, _layers(service, layers), lang, basemap)
    return _map(request, service, wanted, parcel_id=parcel_id)


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
    basemap: BasemapOf = None,
    lang: LanguageOf = Language.ZH,
) -> Response:
    """供打印的核查图：全部地块，或 bbox 所示范围 / the map of all parcels, or of a window, for paper."""
    permalink = url(request, "/map", {"as_of": as_of} if as_of else None)
    wanted = _Map(as_of, permalink, paper, orientation, scale, _layers(service, layers), lang, basemap)
    return _map(request, service, wanted, window=None if bbox is None else _window(service, bbox))


@dataclass(frozen=True, slots=True)
class _Map:
    """What was asked of a map sheet."""

    as_of: date | None
    permalink: str
    paper: Paper
    orientation: Orientation
    scale: int | None
    layers: frozenset[str] | None
    language: Language
    basemap: str | None


def _map(
    request: Request, service: Service, wanted: _Map, *, parcel_id: str | None = None, window: Box | None = None
) -> Response:
    under = _under(request, wanted.basemap)
    return pages(request).answer(
        page_key(service.snapshot(), service.as_of(wanted.as_of), wanted, parcel_id, window),
        lambda nonce: service.map_sheet(
            parcel_id,
            wanted.as_of,
            wanted.permalink,
            paper=wanted.paper,
            orientation=wanted.orientation,
            scale=wanted.scale,
            window=window,
            layers=wanted.layers,
            language=wanted.language,
            basemap=under,
            nonce=nonce,
        ),
    )


def _window(service: Service, window: Box) -> Box:
    """Return a window that lies where the rules hold: elsewhere the zone's CRS has no places."""
    jurisdiction = service.rulebook.jurisdiction
    margin = jurisdiction.area_of_use_margin_degrees
    west, south, east, north = jurisdiction.box_degrees
    inside = window[0] >= west - margin and window[2] <= east + margin and window[0] <= window[2]
    if not inside or window[1] < south - margin or window[3] > north + margin:
        limits = f"{west - margin:g},{south - margin:g},{east + margin:g},{north + margin:g}"
        written = ",".join(f"{number:g}" for number in window)
        raise bad_parameter("bbox", Text(f"应在 {limits} 之内", f"must lie within {limits}"), written)
    return window


def _under(request: Request, name: str | None) -> dict[str, Any] | None:
    """Return what pages may know of the basemap that was chosen."""
    if name is None:
        return None
    found = basemaps_of(request).get(name)
    if found is None:
        raise bad_parameter(
            "basemap",
            Text(f"没有底图 {name[:64]}，见 /basemaps", f"no basemap {name[:64]}, see /basemaps"),
            name,
        )
    return found[0].described()


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
