"""What is known: layers and their editions, assessments, rules."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from geo_service.api.access import Guarded, needs
from geo_service.api.answers import json_answer, tagged
from geo_service.api.links import JSON, SCHEMA, link, segment, url
from geo_service.api.openapi import answers
from geo_service.api.parameters import OnlyKnown, Services
from geo_service.errors import NotFound
from geo_service.export.checked import fault_json
from geo_service.export.geojson import compact
from geo_service.export.schema import record_schema_bytes
from geo_service.model.access import Role
from geo_service.model.catalogue import LayerSpec
from geo_service.model.layer import Edition, Features
from geo_service.model.report import ImportReport
from geo_service.model.rulebook import Rulebook
from geo_service.model.text import Text
from geo_service.store.register import EditionRow

router = APIRouter(
    tags=["资料与规则 / data and rules"],
    route_class=Guarded,
    dependencies=[needs(Role.VIEWER), OnlyKnown],
    default_response_class=Response,
)


def _text(text: Text | None) -> dict[str, str] | None:
    return None if text is None else {"zh": text.zh, "en": text.en}


@router.get("/layers", summary="图层 / layers", responses=answers({JSON: "Object"}))
def layers(request: Request, service: Services) -> Response:
    """图层目录及各图层现行版次；涉密图层只列名称 / every layer and its edition; withheld ones by name only."""
    editions = service.snapshot().layers.editions
    return json_answer(
        {
            "layers": [
                _layer(request, spec, editions.get(name), whole=service.whole)
                for name, spec in service.catalogue.layers.items()
            ]
        }
    )


def _layer(request: Request, spec: LayerSpec, edition: Edition | None, *, whole: bool) -> dict[str, Any]:
    withheld = spec.is_withheld
    shown = edition is not None and not withheld
    links = []
    if edition is not None and shown:
        if whole:
            links.append(
                link(
                    url(request, f"/editions/{segment(edition.name)}"), "describedby", JSON, "导入报告 / import report"
                )
            )
        if isinstance(edition.data, Features):
            links.append(link(url(request, f"/collections/{segment(spec.id)}"), "collection", JSON, spec.id))
    return {
        "id": spec.id,
        "title": _text(spec.title),
        "group": spec.group,
        "geometry": spec.geometry.value,
        "unit": spec.unit or None,
        "publisher": _text(spec.publisher),
        "licence": spec.licence or None,
        "secrecy": spec.secrecy.value,
        "basis": spec.basis or None,
        "max_age_days": spec.max_age_days,
        "surveyed_extent": None if spec.surveyed_extent is None else spec.surveyed_extent.value,
        "fields": [
            {
                "name": field.name,
                "title": _text(field.title),
                "type": field.type.value,
                "unit": field.unit or None,
                "codes": {code: {"zh": entry.zh, "en": entry.en} for code, entry in field.codes.items()},
            }
            for field in spec.fields
            if not field.private
        ],
        "edition": _edition(edition) if edition is not None and shown else None,
        "imported": edition is not None,
        "withheld": withheld,
        "links": links,
    }


def _edition(edition: Edition) -> dict[str, Any]:
    data, origin = edition.data, edition.data.origin
    return {
        "id": edition.name,
        "edition_date": None if edition.edition_date is None else edition.edition_date.isoformat(),
        "sha256": edition.sha256,
        "features": len(data) if isinstance(data, Features) else None,
        "crs": data.crs,
        "licence": origin.licence or None,
        "attribution": origin.attribution or None,
        "synthetic": origin.synthetic,
    }


@router.get(
    "/editions/{edition_id}",
    summary="数据版次与导入报告 / an edition and its import report",
    responses=answers({JSON: "Object"}, 404),
)
def edition(
    request: Request,
    service: Services,
    edition_id: Annotated[str, Path(description="数据版次，如 zones@0123456789ab / name of an edition")],
) -> Response:
    """一个数据版次及其导入报告，含已被替代的 / one edition with its import report, superseded ones too."""
    row = service.edition(edition_id)
    spec = service.catalogue.layers.get(row.layer)
    if spec is None or spec.is_withheld:
        raise NotFound(f"没有数据版次 {edition_id[:80]} / there is no edition {edition_id[:80]}")
    return json_answer(_row(row, private=any(field.private for field in spec.fields)))


def _row(row: EditionRow, *, private: bool) -> dict[str, Any]:
    return {
        "id": row.name,
        "layer": row.layer,
        "sha256": row.sha256,
        "edition_date": None if row.edition_date is None else row.edition_date.isoformat(),
        "published": row.published,
        "report": report_json(row.report, private=private),
    }


def report_json(report: ImportReport, *, private: bool) -> dict[str, Any]:
    """Write an import report; ``private`` leaves out rejected values, which may be names of holders."""
    return {
        "source": report.source_name,
        "driver": report.driver,
        "crs": report.crs,
        "crs_how": report.crs_how,
        "encoding": report.encoding,
        "encoding_how": report.encoding_how,
        "read": report.read,
        "stored": report.stored,
        "deleted": report.deleted,
        # A rejected value may be the holder's name where the layer has a private field.
        "rejected": [
            {**fault_json(fault), "value": None} if private else fault_json(fault) for fault in report.rejected
        ],
        "repairs": [
            {
                "row": repair.row,
                "id": repair.id,
                "rule": repair.rule,
                "what": {"zh": repair.zh, "en": repair.en},
                "area_change_m2": repair.area_change_m2,
                "geometry_changed": repair.geometry_changed,
            }
            for repair in report.repairs
        ],
        "warnings": list(report.warnings),
        "notes": list(report.notes),
        "area_m2": report.area_m2,
    }


@router.get("/assessments", summary="区域评估 / regional assessments", responses=answers({JSON: "Object"}))
def assessments(service: Services) -> Response:
    """区域评估（7+N）：名称、效力、依据、现有成果数 / the assessments: title, use, basis, number of reports."""
    rules = service.rulebook
    layers = service.snapshot().layers
    out = []
    for code in (*rules.order.core, *rules.order.local):
        rule = rules.assessments[code]
        features = layers.features(rule.layer)
        counted = Counter(() if features is None else features.attributes.get("code", ()))
        out.append({**_rule(rule), "reports": None if features is None else counted.get(code, 0)})
    return json_answer({"assessments": out})


@router.get("/rulebook", summary="核查规则 / rulebook", responses=answers({JSON: "Object"}))
def rulebook(request: Request, service: Services) -> Response:
    """全部核查规则：各版次生效日期、依据、可信度 / every rule: dated versions, basis, confidence."""
    rules = service.rulebook
    return tagged(request, compact(_rulebook(rules)), rules.sha256 or rules.edition, JSON)


def _rulebook(rules: Rulebook) -> dict[str, Any]:
    order = rules.order
    return {
        "edition": rules.edition,
        "sha256": rules.sha256,
        "jurisdiction": _text(rules.jurisdiction.name),
        "defaults": rules.defaults.model_dump(mode="json"),
        "tolerances": rules.tolerances.model_dump(mode="json"),
        "decision": {
            outcome.value: {severity.value: cell.value for severity, cell in cells.items()}
            for outcome, cells in rules.decision.items()
        },
        "standards": {name: standard.model_dump(mode="json") for name, standard in rules.standards.items()},
        "assessments": [_rule(rules.assessments[code]) for code in (*order.core, *order.local)],
        "constraints": [_rule(rules.constraints[code]) for code in order.constraints],
        "services": [_rule(rules.services[code]) for code in order.services],
        "level": _rule(rules.level),
        "indicators": [_rule(rules.indicators[code]) for code in order.indicators],
    }


def _rule(rule: Any) -> dict[str, Any]:
    found: dict[str, Any] = rule.model_dump(mode="json", by_alias=True)
    return found


@router.get(
    "/schemas/assessment.json",
    summary="核查记录的 JSON Schema / JSON Schema of the record",
    responses=answers({SCHEMA: "Object"}),
)
def schema() -> Response:
    """核查记录的结构（JSON Schema 2020-12）/ what an assessment record looks like, as JSON Schema 2020-12."""
    return Response(record_schema_bytes(), media_type=SCHEMA)
