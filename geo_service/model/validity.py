"""Civil dates: from when to when something holds. Both days are included."""

from __future__ import annotations

import calendar
from datetime import date, timedelta

DAY = timedelta(days=1)
IN_FORCE = "in_force"
# What was replaced, taken back or struck off holds nothing any more.
VOID = frozenset({"superseded", "withdrawn", "cancelled", "revoked"})


def is_clear(status: object) -> bool:
    """Tell whether a status leaves no doubt that something holds: none given, or in force.

    Any other word (the lists of statuses are open) must not count in favour of a parcel.

    Examples
    --------
    >>> is_clear(None), is_clear("in_force"), is_clear("revoked"), is_clear("已过期")
    (True, True, False, False)
    """
    return status in (None, "", IN_FORCE)


def add_months(day: date, months: int) -> date:
    """Move a date by months; the last day of a shorter month where the day does not exist.

    Examples
    --------
    >>> add_months(date(2026, 5, 20), 6), add_months(date(2026, 8, 31), 6)
    (datetime.date(2026, 11, 20), datetime.date(2027, 2, 28))
    """
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def last_day(approved_on: date, years: int) -> date:
    """Return the day before the anniversary: the last day of so many years.

    Examples
    --------
    >>> last_day(date(2024, 12, 1), 2)
    datetime.date(2026, 11, 30)
    """
    return add_months(approved_on, 12 * years) - DAY


def in_force(valid_from: date | None, valid_to: date | None, as_of: date) -> bool:
    """Tell whether a date lies between two dates, both included; ``None`` is open.

    Examples
    --------
    >>> in_force(None, date(2026, 11, 30), date(2026, 11, 30)), in_force(None, date(2026, 11, 30), date(2026, 12, 1))
    (True, False)
    """
    return (valid_from is None or valid_from <= as_of) and (valid_to is None or as_of <= valid_to)


def stale_on(dated_on: date | None, max_age_days: int | None) -> date | None:
    """Return the first day on which data of that date are too old, ``None`` when they never are.

    Examples
    --------
    >>> stale_on(date(2026, 5, 20), 184)
    datetime.date(2026, 11, 21)
    """
    if dated_on is None or max_age_days is None:
        return None
    return dated_on + timedelta(days=max_age_days + 1)
