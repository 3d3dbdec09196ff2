"""The tender package (出让前核查成果包) of one or more parcels."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from geo_service.api.access import Guarded, needs, require_role
from geo_service.api.answers import attachment
from geo_service.api.errors import bad_parameter
from geo_service.api.links import GEOJSON
from geo_service.api.openapi import answers
from geo_service.api.parameters import (
    MAX_PACKAGES,
    AsOfDay,
    Force,
    OnlyKnown,
    ParcelId,
    ProfileOf,
    Services,
    listed,
)
from geo_service.export.package import file_stem
from geo_service.export.profile import Profile
from geo_service.model.access import Role
from geo_service.model.text import Text

router = APIRouter(
    tags=["成果包 / tender packages"],
    route_class=Guarded,
    dependencies=[needs(Role.VIEWER), OnlyKnown],
    default_response_class=Response,
)
ZIP = "application/zip"


def _may_take(request: Request, profile: Profile) -> None:
    """Refuse the internal profile to those who only read: it holds the pieces and the whole evidence."""
    if profile is Profile.INTERNAL:
        require_role(request, Role.PLANNER)


@router.get(
    "/parcels/{parcel_id:path}/tender-package",
    summary="成果包 / tender package",
    responses=answers({ZIP: "Bytes"}, 404, 409, 422),
)
def tender_package(
    request: Request,
    service: Services,
    parcel_id: ParcelId,
    profile: ProfileOf = Profile.PUBLIC,
    force: Force = False,
    as_of: AsOfDay = None,
) -> Response:
    """一个地块的成果包（zip）；不具备条件时 409 并列出缺项 / the package of one parcel; 409 with what is missing."""
    _may_take(request, profile)
    name, content = service.package([parcel_id], as_of, profile, forced=force)
    return attachment(content, name, ZIP)


@router.get(
    "/parcels/{parcel_id:path}/tender-package.geojson",
    summary="成果包的 GeoJSON / GeoJSON of the package",
    responses=answers({GEOJSON: "FeatureCollection"}, 404, 409, 422),
)
def tender_geojson(
    request: Request,
    service: Services,
    parcel_id: ParcelId,
    profile: ProfileOf = Profile.PUBLIC,
    force: Force = False,
    as_of: AsOfDay = None,
) -> Response:
    """成果包中的 parcel.geojson / the file parcel.geojson of the package."""
    _may_take(request, profile)
    content = service.package_geojson(parcel_id, as_of, profile, forced=force)
    return attachment(content, f"{file_stem(parcel_id)}.geojson", GEOJSON)


@router.get(
    "/tender-packages",
    summary="多个地块的成果包 / tender package of several parcels",
    responses=answers({ZIP: "Bytes"}, 404, 409, 422),
)
def tender_packages(
    request: Request,
    service: Services,
    ids: Annotated[
        str,
        Query(min_length=1, description="地块编号，逗号分隔 / ids of parcels, with commas between", examples=["a,b"]),
    ],
    profile: ProfileOf = Profile.PUBLIC,
    force: Force = False,
    as_of: AsOfDay = None,
) -> Response:
    """多个地块的成果包，每个地块一个文件夹 / one package of several parcels, a folder each."""
    _may_take(request, profile)
    wanted = listed(ids)
    if not 1 <= len(wanted) <= MAX_PACKAGES:
        raise bad_parameter(
            "ids", Text(f"应为1至{MAX_PACKAGES}个地块编号", f"must name 1 to {MAX_PACKAGES} parcels"), ids
        )
    name, content = service.package(wanted, as_of, profile, forced=force)
    return attachment(content, name, ZIP)
