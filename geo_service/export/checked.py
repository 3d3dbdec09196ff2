"""The answer to a check of boundaries from outside: records and rejected rows, in the order of the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from geo_service.errors import Fault
from geo_service.export.record import Record


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


def checked(records: Sequence[Record], rejected: Sequence[Fault]) -> dict[str, Any]:
    """Put records and rejected rows side by side."""
    return {"records": list(records), "rejected": [fault_json(fault) for fault in rejected]}
