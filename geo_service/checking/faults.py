"""What is said of a boundary that could not be measured."""

from __future__ import annotations

from dataclasses import replace

from geo_service.errors import Fault, GeoServiceError, InputError


def of_row(error: GeoServiceError, row: int, id_: str | None) -> Fault:
    """Say what is wrong with one row."""
    fault = error.faults[0] if isinstance(error, InputError) else failed()
    return replace(fault, row=row, id=id_)


def failed() -> Fault:
    """Say that measuring broke off."""
    return Fault(
        "measuring_failed",
        "量算异常终止，本行未得出结论",
        "measuring broke off; nothing was concluded of this row",
        "请重试；若再次出现，请简化图形并告知管理员",
        "try again; if it happens again, simplify the geometry and tell the administrator",
    )


def too_late() -> Fault:
    """Say that no time was left."""
    return Fault(
        "not_measured",
        "前面各行用尽了限定时间，本行未核查",
        "the rows before took all the time there is; this one was not looked at",
        "请将其余各行单独提交",
        "check the rows that are left by themselves",
    )
