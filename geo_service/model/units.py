"""Units of land and how their numbers are written.

Areas are kept in m² as doubles and rounded only when they are written, half up. 1 mu is exactly 10000/15 m².
"""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from functools import lru_cache

M2_PER_HA = 10000.0
THIN_SPACE = "\u2009"


def mu(area_m2: float) -> float:
    """Area in mu.

    Examples
    --------
    >>> round(mu(204366.64), 4)
    306.55
    """
    return area_m2 * 15 / 10000


def rounded(value: float, decimals: int) -> Decimal:
    """Round half up on the written unit.

    Examples
    --------
    >>> rounded(0.125, 2)
    Decimal('0.13')
    """
    return _rounded(repr(value), decimals)


def _rounded(number: str, decimals: int) -> Decimal:
    return Decimal(number).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def grouped(value: float, decimals: int) -> str:
    """Write a number with thin spaces between thousands.

    Examples
    --------
    >>> grouped(204366.64, 2).replace(THIN_SPACE, "_")
    '204_366.64'
    """
    return _grouped(repr(value), decimals)


# A parcel's areas are said again and again; by how they are written, because -0.0 and 0.0 are equal.
@lru_cache(maxsize=1024)
def _grouped(number: str, decimals: int) -> str:
    return f"{_rounded(number, decimals):,}".replace(",", THIN_SPACE).replace("-", "\u2212")


def area_text(area_m2: float) -> str:
    """Square metres to the hundredth.

    Examples
    --------
    >>> area_text(12.0)
    '12.00㎡'
    """
    return f"{grouped(area_m2, 2)}㎡"


def share_text(share: float, missing_m2: float = 0.0) -> str:
    """Write a share; 100 % and 0 % only when nothing or everything is missing.

    Examples
    --------
    >>> share_text(0.9995, 100.0)
    '99.95 %'
    >>> share_text(1.0), share_text(0.0, 5.0), share_text(0.62, 38000.0)
    ('100 %', '0 %', '62.0 %')
    >>> share_text(0.9999999, 0.004)
    '99.99 %'
    """
    if share >= 1.0 and missing_m2 <= 0.0:
        return "100 %"
    if share <= 0.0:
        return "0 %"
    percent = Decimal(repr(share)) * 100
    if percent >= Decimal("99.5"):
        return f"{min(percent.quantize(Decimal('0.01'), rounding=ROUND_DOWN), Decimal('99.99'))} %"
    if percent <= Decimal("0.5"):
        return f"{max(percent.quantize(Decimal('0.01'), rounding=ROUND_HALF_UP), Decimal('0.01'))} %"
    return f"{percent.quantize(Decimal('0.1'), rounding=ROUND_HALF_UP)} %"


def distance_text(distance_m: float) -> str:
    """Metres to the tenth, to the hundredth below one metre.

    Examples
    --------
    >>> distance_text(412.63), distance_text(0.5)
    ('412.6m', '0.50m')
    """
    return f"{grouped(distance_m, 2 if distance_m < 1 else 1)}m"
