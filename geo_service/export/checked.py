"""The answer to a check of boundaries from outside: records and rejected rows in order, and how they were read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from geo_service.errors import Fault
from geo_service.export.geojson import compact
from geo_service.model.report import ImportReport


def fault_json(fault: Fault) -> dict[str, Any]:
    """Write a fault: code, where, cause and next step in two languages."""
    return {
        "row": fault.row,
        "id": fault.id,
        "code": fault.code,
        "where": fault.where,
        "value": None if fault.value is None else fault.value[:200],
        "reason": {"zh": fault.zh, "en": fault.en},
        "next": {"zh": fault.next_zh, "en": fault.next_en},
    }


def report_json(report: ImportReport) -> dict[str, Any]:
    """Write how a file was read: what it was taken for, and what was mended in it."""
    return {
        "driver": report.driver,
        "crs": report.crs,
        "crs_how": report.crs_how,
        "encoding": report.encoding,
        "encoding_how": report.encoding_how,
        "read": report.read,
        "stored": report.stored,
        "repairs": [
            {
                "row": repair.row,
                "id": repair.id,
                "rule": repair.rule,
                "zh": repair.zh,
                "en": repair.en,
                "area_change_m2": repair.area_change_m2,
            }
            for repair in report.repairs
        ],
        "warnings": list(report.warnings),
        "notes": list(report.notes),
    }


def checked(records: Sequence[bytes], rejected: Sequence[Fault], report: ImportReport) -> bytes:
    """Put records, as their canonical bytes, and rejected rows side by side, with how they were read."""
    return b'{"records":[%b],"rejected":%b,"report":%b}' % (
        b",".join(records),
        compact([fault_json(fault) for fault in rejected]),
        compact(report_json(report)),
    )
