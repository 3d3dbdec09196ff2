"""Claims entered by a form: one paper for one service of one parcel."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from geo_service.api.access import Guarded, caller_of, needs
from geo_service.api.answers import json_answer
from geo_service.api.errors import Problem
from geo_service.api.links import JSON
from geo_service.api.openapi import answers
from geo_service.api.parameters import AsOfDay, Day, OnlyKnown, ParcelId, Services
from geo_service.model.access import Role
from geo_service.model.register import Claim, ClaimKind, Reach
from geo_service.model.text import Text
from geo_service.store.sheets import services

router = APIRouter(
    tags=["台账 / register"],
    route_class=Guarded,
    dependencies=[needs(Role.PLANNER), OnlyKnown],
    default_response_class=Response,
)

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class ClaimForm(BaseModel):
    """A claim as it is entered, with who entered it and who looked it over."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    service: Annotated[str, Field(max_length=40)]
    kind: ClaimKind
    reach: Reach
    document: Words
    issuer: Words
    dated_on: Day
    valid_to: Day | None = None
    funded: bool | None = None
    due_on: Day | None = None
    capacity: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    entered_by: Words
    reviewed_by: Words

    def contradiction(self) -> Text | None:
        """Say what in the form contradicts itself, ``None`` when nothing does."""
        if self.valid_to is not None and self.valid_to < self.dated_on:
            return Text("有效期早于出具日期", "it ends before it is dated")
        if self.reach is Reach.PLANNED and self.due_on is None:
            return Text("在建/已列计划须填到位日期", "what is planned needs the date on which it is due")
        if plain(self.entered_by) == plain(self.reviewed_by):
            return Text("登记人与复核人不得为同一人", "who enters a claim does not review it as well")
        return None

    def claim(self, parcel_id: str) -> Claim:
        """Return the claim without the names, which belong to the audit."""
        values = self.model_dump(exclude={"entered_by", "reviewed_by"})
        return Claim(parcel_id=parcel_id, **values)


def plain(name: str) -> str:
    """Return a name as it is compared."""
    return "".join(name.casefold().split())


def may_claim(request: Request) -> bool:
    """Tell whether whoever asks may enter claims."""
    return caller_of(request).role.may(Role.PLANNER)


@router.post(
    "/parcels/{parcel_id:path}/claims",
    summary="登记证明材料 / enter a claim",
    responses=answers({JSON: "Object"}, 403, 404, 415, 422),
)
def enter(request: Request, service: Services, parcel_id: ParcelId, form: ClaimForm, as_of: AsOfDay = None) -> Response:
    """登记一份证明材料并重新核查该地块 / enter one claim and check its parcel again."""
    # A form of another page can send text, but only a page of ours can send JSON.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise Problem(
            415,
            "unsupported-media-type",
            Text("内容类型应为 application/json", "the content type must be application/json"),
            step=Text("请以 JSON 提交", "send JSON"),
        )
    if form.service not in services(service.rulebook):
        there = "、".join(services(service.rulebook))
        raise Problem(
            422,
            "unknown-service",
            Text(f"没有事项 {form.service}；可用：{there}", f"no such service: {form.service}; there are: {there}"),
            step=Text("请从列表中选择", "choose one of the list"),
            value=form.service,
        )
    wrong = form.contradiction()
    if wrong is not None:
        raise Problem(422, "claim-contradicts-itself", wrong, step=Text("请改正后再登记", "mend it and enter it again"))
    source = f"表单 form: 登记 entered by {form.entered_by}，复核 reviewed by {form.reviewed_by}"
    actor = caller_of(request).id
    return json_answer(service.enter(form.claim(parcel_id), source, datetime.now(UTC), as_of, actor=actor))
