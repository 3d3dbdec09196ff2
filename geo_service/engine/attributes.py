"""The attributes of a layer's features as the law asks for them, row by row; what every parcel asks is worked out once.

Features are immutable, so this may be kept as long as they live.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from weakref import WeakKeyDictionary

from geo_service import assessments, constraints
from geo_service.kept import Kept
from geo_service.model.layer import Features, Value
from geo_service.model.rulebook import AssessmentVersion, ConstraintVersion

_KNOWN: WeakKeyDictionary[Features, Attributes] = WeakKeyDictionary()
#: Questions whose answers are kept of one layer, a byte or two a feature each; 0 is not asked yet.
QUESTIONS = 32
#: Reports that are kept as read.
SCOPES = 20_000
YES, NO = 1, 2


class Row(Mapping[str, Value]):
    """One feature's attributes, read where they stand."""

    __slots__ = ("_columns", "_row")

    def __init__(self, columns: Mapping[str, tuple[Value, ...]], row: int) -> None:
        self._columns = columns
        self._row = row

    def __getitem__(self, name: str) -> Value:
        """Return the attribute of that name."""
        return self._columns[name][self._row]

    def get(self, name: str, default: Value = None) -> Value:  # type: ignore[override]
        """Return the attribute of that name, or a default where there is no such field."""
        column = self._columns.get(name)
        return default if column is None else column[self._row]

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self._columns)

    def __len__(self) -> int:
        """Count the fields."""
        return len(self._columns)


class _Classes:
    """The classes of a layer's rows by one version of a rule: their names, and a number a row; 0 is not asked yet."""

    def __init__(self, version: ConstraintVersion, rows: int) -> None:
        # With the version, whose identity would else be another's once it is gone.
        self.version = version
        self.names: list[str | None] = []
        self.numbers = array("H", bytes(2 * rows))


class Attributes:
    """What the law reads of the features of a layer.

    Attributes
    ----------
    rank : tuple of int
        Place of each row in the order of ids, so that the order of features in a file changes nothing.
    every_turning_day : frozenset of date
        Days on which any feature begins or ceases to be in force.
    surveys : frozenset of int
        Rows that only say where the layer was surveyed.
    """

    def __init__(self, features: Features) -> None:
        ids = features.ids
        self._columns = features.attributes
        rank = [0] * len(ids)
        for place, row in enumerate(sorted(range(len(ids)), key=lambda row: (ids[row], row))):
            rank[row] = place
        self.rank = tuple(rank)
        spec = features.spec
        kinds = self._columns.get(spec.class_field, ()) if spec.class_field and spec.surveyed_class else ()
        self.surveys = frozenset(row for row, kind in enumerate(kinds) if kind == spec.surveyed_class)
        distinct: dict[tuple[date, ...], tuple[date, ...]] = {}
        days = (constraints.turning_days(self.row(row)) for row in range(len(ids)))
        self._turning = tuple(distinct.setdefault(found, found) for found in days)
        self.every_turning_day = frozenset(day for found in distinct for day in found)
        self._answers: Kept[tuple[object, ...], bytearray] = Kept(QUESTIONS)
        self._classes: Kept[tuple[object, ...], _Classes] = Kept(QUESTIONS)
        self._scopes: Kept[tuple[int, int], tuple[AssessmentVersion, assessments.Scope | None]] = Kept(SCOPES)

    def row(self, row: int) -> Row:
        """Return one feature's attributes."""
        return Row(self._columns, row)

    def turning_days(self, rows: Iterable[int]) -> set[date]:
        """Return the days on which some features begin or cease to be in force."""
        if not self.every_turning_day:
            return set()
        turning = self._turning
        return {day for found in {turning[row] for row in rows} for day in found}

    def classes(
        self,
        version: ConstraintVersion,
        as_of: date,
        rows: Iterable[int],
        asked: Callable[[ConstraintVersion, Row, date], str | None],
    ) -> list[str | None]:
        """Return the class of each of some rows; asked once a row by all parcels. A survey has none."""
        key = (id(version), as_of, asked)
        known = self._classes.get(key)
        if known is None or known.version is not version:
            known = _Classes(version, len(self.rank))
            self._classes.put(key, known, 1)
        names, numbers = known.names, known.numbers
        found: list[str | None] = []
        for row in rows:
            if not numbers[row]:
                name = None if row in self.surveys else asked(version, self.row(row), as_of)
                if name not in names:
                    names.append(name)
                numbers[row] = names.index(name) + 1
            found.append(names[numbers[row] - 1])
        return found

    def scope(self, row: int, fid: str, version: AssessmentVersion) -> assessments.Scope | None:
        """Read a row as a report, by one version of a rule; see `assessments.read_scope`."""
        known = self._scopes.get((row, id(version)))
        if known is None or known[0] is not version:
            known = version, assessments.read_scope(row, fid, self.row(row), version)
            self._scopes.put((row, id(version)), known, 1)
        return known[1]

    def that(self, question: tuple[object, ...], rows: Iterable[int], asked: Callable[[Row], bool]) -> list[int]:
        """Return the rows of which something is true; asked once a row by all parcels that ask the same question."""
        known = self._answers.get(question)
        if known is None:
            known = bytearray(len(self.rank))
            self._answers.put(question, known, 1)
        found = []
        for row in rows:
            if not known[row]:
                known[row] = YES if asked(self.row(row)) else NO
            if known[row] == YES:
                found.append(row)
        return found


def attributes(features: Features) -> Attributes:
    """Return what the law reads of features; made once, then remembered."""
    found = _KNOWN.get(features)
    if found is None:
        found = _KNOWN[features] = Attributes(features)
    return found
