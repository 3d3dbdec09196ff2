"""A list of very many parcels, of which a page asks for the lines that it shows."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from geo_service.maps.rows import Json, pair
from geo_service.maps.signs import STATUS_SIGN, Sign
from geo_service.model.text import Text
from geo_service.model.units import grouped, mu

Box = tuple[float, float, float, float]
#: What a parcel is counted under that nothing was concluded on yet.
NOT_YET = "unassessed"
UNASSESSED = Text("未核查", "Not assessed yet")
_WORST = list(Sign)


class Line(NamedTuple):
    """One parcel of the list.

    Attributes
    ----------
    unit_no, location : str
        Found by search; empty where unknown.
    area_m2 : float or None
        Plane area where its boundary was delivered, ``None`` where that is not in metres.
    status : str or None
        The verdict, ``None`` where none is known.
    box : tuple of float
        West, south, east and north in degrees.
    """

    id: str
    name: str
    zone: str
    unit_no: str
    location: str
    area_m2: float | None
    notice_on: str
    status: str | None
    box: Box


class Listing:
    """Parcels by notice date, then the worst first.

    Examples
    --------
    >>> def line(name, status):
    ...     return Line(name, "示例", "", "", "", 666.67, "", status, (0.0, 0.0, 1.0, 1.0))
    >>> listing = Listing([line("Ａ-1", "ready"), line("b-2", "not_ready")])
    >>> [line.id for line in listing.matching("", None, None)]
    ['b-2', 'Ａ-1']
    >>> len(listing.matching("a -１", None, None)), listing.counts["ready"]
    (1, 1)
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = sorted(lines, key=lambda line: (line.notice_on or "9999", _place(line.status), line.id))
        self._by_id = {line.id: line for line in self._lines}
        self.counts: Mapping[str, int] = Counter(line.status or NOT_YET for line in lines)

    def __len__(self) -> int:
        """Count the parcels."""
        return len(self._lines)

    @cached_property
    def _keys(self) -> list[str]:
        # Between them stands what no folded text has, so that nothing is found across two of them.
        return [
            "\n".join(map(plain, (line.id, line.name, line.zone, line.location, line.unit_no))) for line in self._lines
        ]

    def matching(self, words: str, status: str | None, least_mu: float | None) -> list[Line]:
        """Return the parcels that pass a filter.

        Parameters
        ----------
        words : str
            Part of the number, name, zone, location or unit number; full-width digits and blanks do not matter.
        status : str, optional
            A verdict, or ``unassessed``.
        least_mu : float, optional
            Smallest area.
        """
        sought = plain(words)
        keys = self._keys if sought else ()
        return [
            line
            for row, line in enumerate(self._lines)
            if (not sought or sought in keys[row])
            and (status is None or (line.status or NOT_YET) == status)
            and (least_mu is None or (line.area_m2 is not None and mu(line.area_m2) >= least_mu))
        ]

    def named(self, ids: Iterable[str]) -> list[Line]:
        """Return some parcels in the order of their ids as given; those that are not there are left out."""
        return [line for id_ in ids if (line := self._by_id.get(id_)) is not None]

    def page(self, matching: Sequence[Line], offset: int, limit: int, problems: Mapping[str, Text]) -> Json:
        """Write some lines of those that pass, and how many parcels there are of each verdict.

        Parameters
        ----------
        problems : mapping of str to Text
            What stands first against each, by id, where that is known.
        """
        return {
            "matched": len(matching),
            "counts": {status: self.counts.get(status, 0) for status in (*STATUS_SIGN, NOT_YET)},
            "rows": [_row(line, problems.get(line.id)) for line in matching[offset : offset + limit]],
        }


def plain(text: str) -> str:
    """Write full-width characters half-width, in lower case, without blanks.

    Examples
    --------
    >>> plain("ＣＺＧＸ－２０２４ 001")
    'czgx-2024001'
    """
    return "".join(unicodedata.normalize("NFKC", text).lower().split())


def _place(status: str | None) -> int:
    return len(_WORST) if status is None else _WORST.index(STATUS_SIGN[status])


def _row(line: Line, problem: Text | None) -> Json:
    return {
        "id": line.id,
        "name": line.name,
        "zone": line.zone,
        "mu": None if line.area_m2 is None else grouped(mu(line.area_m2), 2),
        "notice": line.notice_on,
        "status": line.status,
        "problem": pair(problem) if problem else None,
        "box": [round(degree, 7) for degree in line.box],
    }
