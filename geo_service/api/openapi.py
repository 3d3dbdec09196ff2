"""The description of the API for OpenAPI 3.0, which is what the GIS clients read.

FastAPI describes the routes in the words of 3.1; what 3.0 says otherwise is said otherwise here, and every collection
gets its own path with its queryables as parameters, because that is where GDAL looks for what it may ask.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from geo_service import __version__
from geo_service.api.access import COOKIE, Need
from geo_service.api.collections import Collection, Queryable
from geo_service.api.errors import PROBLEM_JSON, TITLES
from geo_service.api.links import HTML
from geo_service.export.schema import record_schema
from geo_service.model.catalogue import FieldType

RECORD = "AssessmentRecord"
ITEMS = "/collections/{collection_id}/items"
_BILINGUAL = {
    "type": "object",
    "required": ["zh", "en"],
    "properties": {"zh": {"type": "string"}, "en": {"type": "string"}},
}
_LINKS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["href", "rel"],
        "properties": {name: {"type": "string"} for name in ("href", "rel", "type", "title")},
    },
}
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457",
    "required": ["type", "title", "status", "detail", "detail_en", "code", "next", "instance", "items"],
    "properties": {
        "type": {"type": "string", "description": "urn:geo-service:error:<code>"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "中文说明 / in Chinese"},
        "detail_en": {"type": "string", "description": "英文说明 / in English"},
        "code": {"type": "string"},
        "value": {"type": "string", "nullable": True, "maxLength": 200},
        "next": _BILINGUAL,
        "instance": {"type": "string", "description": "请求编号 / number of the request"},
        "items": {"type": "array", "items": {"type": "object"}, "description": "逐行问题 / one entry a row"},
    },
}
_FAULT = {
    "type": "object",
    "required": ["row", "id", "code", "where", "value", "reason", "next"],
    "properties": {
        "row": {"type": "integer", "nullable": True},
        "id": {"type": "string", "nullable": True},
        "code": {"type": "string"},
        "where": {"type": "string"},
        "value": {"type": "string", "nullable": True},
        "reason": _BILINGUAL,
        "next": _BILINGUAL,
    },
}
_FEATURE = {
    "type": "object",
    "required": ["type", "geometry", "properties"],
    "properties": {
        "type": {"type": "string", "enum": ["Feature"]},
        "id": {"type": "string"},
        "geometry": {"type": "object", "nullable": True, "description": "RFC 7946, lon/lat"},
        "properties": {"type": "object", "nullable": True},
        "links": _LINKS,
    },
}
_SCHEMAS: dict[str, Any] = {
    "Problem": _PROBLEM,
    "Links": _LINKS,
    "Bilingual": _BILINGUAL,
    "Feature": _FEATURE,
    "FeatureCollection": {
        "type": "object",
        "required": ["type", "features"],
        "properties": {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": {"type": "array", "items": {"$ref": "#/components/schemas/Feature"}},
            "links": {"$ref": "#/components/schemas/Links"},
            "numberMatched": {"type": "integer"},
            "numberReturned": {"type": "integer"},
        },
    },
    "Checked": {
        "type": "object",
        "required": ["records", "rejected", "report"],
        "properties": {
            "records": {"type": "array", "items": {"$ref": f"#/components/schemas/{RECORD}"}},
            "rejected": {"type": "array", "items": _FAULT},
            "report": {"$ref": "#/components/schemas/ReadingReport"},
        },
    },
    "ReadingReport": {
        "type": "object",
        "description": "文件如何读取、修复了什么 / how the file was read and what was mended in it",
        "required": [
            "driver",
            "crs",
            "crs_how",
            "encoding",
            "encoding_how",
            "read",
            "stored",
            "repairs",
            "warnings",
            "notes",
        ],
        "properties": {
            **{name: {"type": "string"} for name in ("driver", "crs", "crs_how", "encoding", "encoding_how")},
            **{name: {"type": "integer"} for name in ("read", "stored")},
            "repairs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["row", "id", "rule", "zh", "en", "area_change_m2"],
                    "properties": {
                        "row": {"type": "integer", "nullable": True},
                        "id": {"type": "string", "nullable": True},
                        **{name: {"type": "string"} for name in ("rule", "zh", "en")},
                        "area_change_m2": {"type": "number"},
                    },
                },
            },
            **{name: {"type": "array", "items": {"type": "string"}} for name in ("warnings", "notes")},
        },
    },
    "CheckedFeatures": {
        "type": "object",
        "description": (
            "Feature，或带 rejected、report 成员的 FeatureCollection"
            " / a Feature, or a FeatureCollection with members 'rejected' and 'report'"
        ),
        "required": ["type"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature", "FeatureCollection"]},
            "features": {"type": "array", "items": _FEATURE},
            "rejected": {"type": "array", "items": _FAULT},
            "report": {"$ref": "#/components/schemas/ReadingReport"},
        },
    },
    "Job": {
        "type": "object",
        "description": "导入任务 / an import",
        "required": ["id", "layer", "source", "state", "progress", "counts", "edition", "report", "rejected", "links"],
        "properties": {
            **{name: {"type": "string"} for name in ("id", "layer", "source", "submitted_at")},
            **{name: {"type": "string", "nullable": True} for name in ("began_at", "ended_at", "edition")},
            "state": {
                "type": "string",
                "enum": ["queued", "running", "done", "refused", "cancelled", "interrupted", "failed"],
            },
            "said": _BILINGUAL,
            "progress": {
                "type": "object",
                "required": ["stage", "done", "total"],
                "properties": {
                    "stage": {"type": "string", "enum": ["waiting", "reading", "storing", "preparing", "ended"]},
                    "said": _BILINGUAL,
                    "done": {"type": "integer"},
                    "total": {"type": "integer", "description": "0：未知 / 0: not known"},
                },
            },
            "counts": {
                "type": "object",
                "nullable": True,
                "description": "read = stored + rejected + deleted，全部拒绝时 stored 为 0 / 0 stored when refused",
                "properties": {
                    "read": {"type": "integer", "nullable": True},
                    "stored": {"type": "integer"},
                    "rejected": {"type": "integer"},
                    "deleted": {"type": "integer", "nullable": True},
                },
            },
            "report": {"type": "object", "nullable": True},
            "rejected": {"type": "array", "items": _FAULT, "description": "前若干行 / the first rows"},
            "links": _LINKS,
        },
    },
    "Rejected": {
        "type": "object",
        "required": ["job", "rejected"],
        "properties": {"job": {"type": "string"}, "rejected": {"type": "array", "items": _FAULT}},
    },
    "RecordOrChecked": {
        "description": (
            "Geometry 或 Feature：一条记录；其余：records、rejected 与 report"
            " / one record, or records, rejected and report"
        ),
        "oneOf": [{"$ref": f"#/components/schemas/{RECORD}"}, {"$ref": "#/components/schemas/Checked"}],
    },
    "GeoJSON": {
        "type": "object",
        "description": "RFC 7946；可带 crs 成员 / may have a member 'crs'",
        "required": ["type"],
        "properties": {"type": {"type": "string"}},
    },
    "Object": {"type": "object"},
    "Bytes": {"type": "string", "format": "binary"},
    "Page": {"type": "string"},
    "Event": {
        "type": "object",
        "description": "一个事件，data 为任务的 JSON / one event; its data are the job as JSON",
        "required": ["event", "data"],
        "properties": {"id": {"type": "string"}, "event": {"type": "string"}, "data": {"type": "string"}},
    },
}


#: How a key is shown; never in an address.
SECURITY: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "密钥 / a key: Authorization: Bearer lb_…"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "密钥 / a key"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "浏览器会话 / a browser, see /sign-in",
    },
}


#: Where an answer leads: what is taken from it for which parameter of the routes that may be asked next.
_LEADS: dict[tuple[str, str, str], tuple[str, str, dict[str, tuple[str, str]]]] = {
    ("/layers/{layer_id}/editions", "post", "202"): (
        "$response.body#/id",
        "job_id",
        {
            "job": ("get", "/jobs/{job_id}"),
            "cancel": ("delete", "/jobs/{job_id}"),
            "rejected": ("get", "/jobs/{job_id}/rejected"),
            "rejectedTable": ("get", "/jobs/{job_id}/rejected.xlsx"),
        },
    ),
    ("/layers", "get", "200"): (
        "$response.body#/layers/0/id",
        "layer_id",
        {"import": ("post", "/layers/{layer_id}/editions")},
    ),
    ("/parcels", "get", "200"): (
        "$response.body#/features/0/id",
        "parcel_id",
        {
            "assessment": ("get", "/parcels/{parcel_id}/assessment"),
            "package": ("get", "/parcels/{parcel_id}/tender-package"),
            "packageGeojson": ("get", "/parcels/{parcel_id}/tender-package.geojson"),
            "map": ("get", "/parcels/{parcel_id}/map"),
        },
    ),
    ("/collections", "get", "200"): (
        "$response.body#/collections/1/id",
        "collection_id",
        {
            "collection": ("get", "/collections/{collection_id}"),
            "items": ("get", "/collections/{collection_id}/items"),
            "queryables": ("get", "/collections/{collection_id}/queryables"),
            "export": ("get", "/collections/{collection_id}/export.geojson"),
        },
    ),
}


def answers(contents: Mapping[str, str], *errors: int, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """Describe the responses of a route: media type → name of a schema, and the errors beside 400 and 500."""
    described: dict[int | str, dict[str, Any]] = {
        status: {
            "description": "成功 / success",
            "content": {media: {"schema": _ref(schema)} for media, schema in contents.items()},
        }
    }
    for error in sorted({400, 500, *errors}):
        described[error] = _problem(error)
    return described


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def document(app: FastAPI, server: str, collections: Sequence[Collection]) -> dict[str, Any]:
    """Describe the whole API as it stands now."""
    doc: dict[str, Any] = as_30(copy.deepcopy(_routes(app)))
    doc["servers"] = [{"url": server}]
    used = {name: part for name, part in doc["components"]["schemas"].items() if not name.endswith("ValidationError")}
    doc["components"] = {"schemas": {**used, **_SCHEMAS, **_record_schemas()}, "securitySchemes": SECURITY}
    generic = doc["paths"][ITEMS]["get"]
    for collection in collections:
        doc["paths"][f"/collections/{collection.id}/items"] = {"get": _items(generic, collection)}
    return doc


def _routes(app: FastAPI) -> dict[str, Any]:
    known: dict[str, Any] | None = getattr(app.state, "described", None)
    if known is None:
        known = get_openapi(
            title="供地前核查 / Pre-listing checks of industrial land",
            version=__version__,
            openapi_version="3.0.3",
            description=(
                "地块的区域评估、管控要素、通平条件和控制性指标核查。缺资料不等于通过；本服务不代替主管部门审批意见。"
                " / Checks of parcels before they are listed. Missing data are never a pass; nothing here replaces a"
                " decision of the authorities."
            ),
            routes=app.routes,
        )
        for address, path in known["paths"].items():
            for method, operation in path.items():
                _say_needs(operation, app.state.needs[method.upper(), address])
                if method == "get":
                    _say_pages(operation)
                # Parameters that are wrong give 400 here; what FastAPI adds by itself describes something else.
                unwanted = operation["responses"].get("422", {}).get("content", {}).get("application/json")
                if unwanted is not None:
                    del operation["responses"]["422"]
                for parameter in operation.get("parameters", ()):
                    if parameter["schema"].get("type") == "array":
                        parameter |= {"style": "form", "explode": False}
        for (address, method, status), (taken, parameter, leads) in _LEADS.items():
            known["paths"][address][method]["responses"][status]["links"] = {
                name: {
                    "operationId": known["paths"][to][by]["operationId"],
                    "parameters": {parameter: taken},
                }
                for name, (by, to) in leads.items()
            }
        app.state.described = known
    return dict(known)


def _say_needs(operation: dict[str, Any], needed: Sequence[Need]) -> None:
    """Say what key an operation asks for, and what it answers without."""
    roles = sorted({need.role for need in needed if need.role is not None})
    if not roles:
        operation["security"] = []
        return
    operation["security"] = [{name: []} for name in SECURITY]
    operation["x-roles"] = roles
    for status in (401, 403, 429):
        operation["responses"].setdefault(str(status), _problem(status))


def _say_pages(operation: dict[str, Any]) -> None:
    """Say that a browser is told of a problem on a page."""
    for response in operation["responses"].values():
        if PROBLEM_JSON in response.get("content", {}):
            response["content"][HTML] = {"schema": _ref("Page")}


def _problem(status: int) -> dict[str, Any]:
    title = TITLES[status]
    return {
        "description": f"{title.zh} / {title.en}",
        "content": {PROBLEM_JSON: {"schema": _ref("Problem")}},
    }


def _items(generic: Mapping[str, Any], collection: Collection) -> dict[str, Any]:
    operation = copy.deepcopy(dict(generic))
    operation["operationId"] = f"items_{collection.id}"
    operation["summary"] = f"{collection.title.zh} / {collection.title.en}"
    left_out = {"collection_id"} if collection.takes_as_of else {"collection_id", "as_of"}
    own = [entry for entry in operation["parameters"] if entry["name"] not in left_out]
    taken = {entry["name"] for entry in own}
    operation["parameters"] = own + [_parameter(entry) for entry in collection.queryables if entry.name not in taken]
    return operation


#: With these begins what is not read as it stands.
_MARKED = re.compile(r"[\\`*_<&\[!]")
_SCHEMA_OF = {
    FieldType.TEXT: {"type": "string"},
    FieldType.NUMBER: {"type": "number"},
    FieldType.INTEGER: {"type": "integer"},
    FieldType.BOOLEAN: {"type": "boolean"},
    FieldType.DATE: {"type": "string", "format": "date"},
}


def _parameter(entry: Queryable) -> dict[str, Any]:
    codes = {"enum": list(entry.codes)} if entry.codes else {}
    return {
        "name": entry.name,
        "in": "query",
        "required": False,
        "description": f"{_literal(entry.title.zh)}等于 / equals: {_literal(entry.title.en)}",
        "schema": {**_SCHEMA_OF[entry.type], **codes},
        "style": "form",
        "explode": False,
    }


def _literal(text: str) -> str:
    r"""Write a text so that it reads as it is where descriptions are read: in the specification they are Markdown.

    Examples
    --------
    >>> print(_literal("面积（㎡）<b>*1*"))
    面积（㎡）\<b>\*1\*
    """
    return _MARKED.sub(r"\\\g<0>", text)


def _record_schemas() -> dict[str, Any]:
    """Bring the record's JSON Schema under the components, its definitions beside it."""
    schema = record_schema()
    parts = schema.pop("$defs")
    for key in ("$schema", "$id"):
        schema.pop(key, None)
    found = {RECORD: schema, **{f"{RECORD}_{name}": part for name, part in parts.items()}}
    moved: dict[str, Any] = _moved(found)
    return {name: as_30(part) for name, part in moved.items()}


def _moved(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: value.replace("#/$defs/", f"#/components/schemas/{RECORD}_") if key == "$ref" else _moved(value)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_moved(entry) for entry in node]
    return node


#: Null and nothing else, in OpenAPI 3.0, where ``nullable`` counts only beside a type.
_NULL: dict[str, Any] = {"type": "object", "nullable": True, "enum": [None]}


def as_30(node: Any) -> Any:
    """Say a schema of JSON Schema 2020-12 in the words of OpenAPI 3.0.

    Examples
    --------
    >>> as_30({"type": ["string", "null"]})
    {'type': 'string', 'nullable': True}
    >>> as_30({"anyOf": [{"type": "number"}, {"type": "null"}], "title": "x"})
    {'title': 'x', 'type': 'number', 'nullable': True}
    >>> as_30({"anyOf": [{"$ref": "#/x"}, {"type": "null"}]})
    {'anyOf': [{'$ref': '#/x'}, {'type': 'object', 'nullable': True, 'enum': [None]}]}
    """
    if isinstance(node, list):
        return [as_30(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    out = {key: as_30(value) for key, value in node.items()}
    kinds = out.get("type")
    if isinstance(kinds, list):
        left = [kind for kind in kinds if kind != "null"]
        out["type"] = left[0]
        if len(left) < len(kinds):
            out["nullable"] = True
    options = out.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options:
        left = [entry for entry in options if entry != {"type": "null"}]
        del out["anyOf"]
        # What has no type of its own, such as a reference, cannot be made nullable: null stands beside it.
        out |= {**left[0], "nullable": True} if len(left) == 1 and "type" in left[0] else {"anyOf": [*left, _NULL]}
    if "const" in out:
        out["enum"] = [out.pop("const")]
    if isinstance(out.get("examples"), list):
        out["example"] = out.pop("examples")[0]
    low = out.get("exclusiveMinimum")
    if isinstance(low, int | float) and not isinstance(low, bool):
        out |= {"minimum": low, "exclusiveMinimum": True}
    return out
