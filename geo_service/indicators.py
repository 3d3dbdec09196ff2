"""Control indicators against the zone's entry standard, with exact units."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import isfinite

from geo_service.model.enums import Outcome, Severity
from geo_service.model.finding import IndicatorFinding, ZoneRead
from geo_service.model.register import IndicatorValue
from geo_service.model.rulebook import IndicatorRule, IndicatorVersion, Rulebook
from geo_service.model.speech import Said, concern

KIND = "indicator"
Asked = tuple[tuple[str, float | None, str], ...]


def asked_by_zone(text: str | None) -> Asked | None:
    """Read what a zone asks for: ``code=value unit; code``, or a JSON object ``{code: value}``.

    Returns
    -------
    tuple of (code, standard or None, unit or ""), or None
        ``None`` when the zone says nothing.

    Raises
    ------
    ValueError
        When an entry cannot be read.

    Examples
    --------
    >>> asked_by_zone("fixed_investment_intensity=300 万元/亩; tax_per_mu")
    (('fixed_investment_intensity', 300.0, '万元/亩'), ('tax_per_mu', None, ''))
    >>> asked_by_zone('{"floor_area_ratio": 1.0}')
    (('floor_area_ratio', 1.0, ''),)
    """
    if text is None or not text.strip():
        return None
    if text.lstrip().startswith("{"):
        found: list[tuple[str, float | None, str]] = []
        for code, value in json.loads(text).items():
            entry = value if isinstance(value, dict) else {"value": value}
            number = entry.get("value")
            found.append((code, None if number is None else float(number), str(entry.get("unit", ""))))
        return tuple(found)
    entries = []
    for part in re.split(r"[;；]", text):
        if not part.strip():
            continue
        code, equals, rest = (piece.strip() for piece in part.partition("="))
        number, _, unit = rest.partition(" ")
        entries.append((code, float(number) if equals else None, unit.strip()))
    return tuple(entries)


def converted(version: IndicatorVersion, value: float, unit: str) -> Fraction | None:
    """Bring a value into the rule's unit, exactly; ``None`` when the unit is unknown or the value no number.

    Examples
    --------
    4 500 万元/公顷 is exactly 300 万元/亩.
    """
    ratio = version.units.get(unit or version.unit)
    return None if ratio is None or not isfinite(value) else _exactly(repr(value), ratio)


def judge(
    rule: IndicatorRule,
    version: IndicatorVersion,
    rulebook: Rulebook,
    zone: ZoneRead | None,
    values: Sequence[IndicatorValue],
) -> IndicatorFinding:
    """Conclude one indicator of one parcel."""
    asked = {code: (standard, unit) for code, standard, unit in (zone.indicators or ())} if zone is not None else {}
    if zone is None:
        required = False
    elif zone.indicators is None:
        required = version.required
    else:
        required = rule.code in asked
    standard: Fraction | None = None
    number, unit = asked.get(rule.code, (None, ""))
    if number is not None:
        standard = converted(version, number, unit)
    elif version.standard is not None:
        standard = _exactly(repr(version.standard))

    given = next((value for value in values if value.code == rule.code), None)
    value = None if given is None or given.value is None else converted(version, given.value, given.unit)
    if value is None:
        outcome = Outcome.MISSING
    elif standard is None:
        outcome = Outcome.NO_STANDARD
    else:
        meets = value >= standard if version.comparator == ">=" else value <= standard
        outcome = Outcome.SET if meets else Outcome.BELOW_STANDARD
    sign = {">=": "≥", "<=": "≤"}[version.comparator]
    words: dict[str, Said] = {
        "value": _written(value),
        "standard": _written(standard),
        "unit": version.unit,
        "comparator": sign,
        "document": (given.document if given is not None else "") or "—",
    }
    return IndicatorFinding(
        concern=concern(
            rulebook,
            KIND,
            rule.code,
            rule.title,
            version,
            outcome,
            Severity.BLOCKING if required else Severity.INFO,
            words,
        ),
        title=rule.title,
        comparator=version.comparator,
        value=None if value is None else float(value),
        unit=version.unit,
        standard=None if standard is None else float(standard),
        required=required,
        document=None if given is None else given.document or None,
        basis=version.basis,
    )


# All parcels of a zone are held against the same standards, here and below.
@lru_cache(maxsize=256)
def _exactly(number: str, ratio: tuple[int, int] = (1, 1)) -> Fraction:
    return Fraction(Decimal(number)) * Fraction(*ratio)


@lru_cache(maxsize=256)
def _written(value: Fraction | None) -> str:
    """Write a value with up to four decimals, never rounded onto the standard."""
    if value is None:
        return "—"
    text = f"{Decimal(value.numerator) / Decimal(value.denominator):.4f}"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0'):0<2}"
