"""Whether two engines found the same: row by row, not in sum."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

LIMIT_M2 = 1e-6
LIMIT_SHARE = 1e-9


@dataclass(frozen=True)
class Agreement:
    """How two results differ.

    Attributes
    ----------
    rows : int
        That either of them has.
    missing : int
        Rows with more than 1e-6 m² that one of them has and the other has not.
    dust : int
        Rows with less that only one of them has.
    off : int
        Rows of both that differ by more than 1e-6 m² and by more than 1e-9 of the larger.
    largest : float
        The largest difference of all, in the measure's unit.
    largest_share : float
        The largest difference in proportion, of values above 1.
    """

    rows: int
    missing: int
    dust: int
    off: int
    largest: float
    largest_share: float

    @property
    def agreed(self) -> bool:
        """Whether nothing is missing and nothing is off."""
        return self.missing == 0 and self.off == 0

    def __str__(self) -> str:
        """One line for people."""
        return (
            f"{'agree' if self.agreed else 'DIFFER'}: {self.rows:,} rows, {self.missing} missing, {self.off} off, "
            f"{self.dust} below 1e-6 in one only, largest difference {self.largest:.2g}, "
            f"{self.largest_share:.2g} of the value"
        )


def compare(one: dict[str, NDArray[Any]], other: dict[str, NDArray[Any]], limit: float = LIMIT_M2) -> Agreement:
    """Compare values by key.

    Parameters
    ----------
    one, other : dict
        ``key`` of any integers, each once, and ``value``.
    limit : float
        Difference that counts, in the values' unit.

    Examples
    --------
    >>> import numpy as np
    >>> one = {"key": np.array([7, 1]), "value": np.array([2.0, 5.0])}
    >>> compare(one, {"key": np.array([1, 8]), "value": np.array([5.0, 3.0])}).missing
    2
    """
    for side in (one, other):
        assert len(np.unique(side["key"])) == len(side["key"]), "a row stands twice"
    keys = np.union1d(one["key"], other["key"])
    values = []
    for side in (one, other):
        filled = np.full(len(keys), np.nan)
        filled[np.searchsorted(keys, side["key"])] = side["value"]
        values.append(filled)
    known = ~np.isnan(values)
    lonely = known[0] != known[1]
    larger = np.fmax(np.abs(values[0]), np.abs(values[1]))
    both = known.all(axis=0)
    apart = np.zeros(len(keys))
    apart[both] = np.abs(values[0][both] - values[1][both])
    sizable = both & (larger > 1)
    return Agreement(
        len(keys),
        int((lonely & (larger > limit)).sum()),
        int((lonely & ~(larger > limit)).sum()),
        int((both & (apart > limit) & (apart > LIMIT_SHARE * larger)).sum()),
        float(max(apart.max(initial=0.0), larger[lonely].max(initial=0.0))),
        float((apart[sizable] / larger[sizable]).max(initial=0.0)),
    )


def areas(file: Path, names: dict[tuple[str, str], int]) -> dict[str, NDArray[Any]]:
    """Read a result of the overlay; names are numbered as they come."""
    table = pq.read_table(file)
    codes = np.zeros(len(table), dtype=np.int64)
    pair = pc.binary_join_element_wise(*(table[name].cast(pa.string()) for name in ("layer", "class")), "\n")
    encoded = pair.combine_chunks().dictionary_encode()
    numbers = np.array(
        [names.setdefault(tuple(word.split("\n")), len(names)) for word in encoded.dictionary.to_pylist()],
        dtype=np.int64,
    )
    if len(numbers):
        codes = numbers[encoded.indices.to_numpy()]
    key = table["id"].cast(pa.string()).cast(pa.int64()).to_numpy() * 1_000 + codes
    return {"key": key, "value": table["area_m2"].to_numpy()}


def same_areas(one: Path, other: Path) -> Agreement:
    """Compare two results of the overlay."""
    names: dict[tuple[str, str], int] = {}
    return compare(areas(one, names), areas(other, names))


def same_table(one: Path, other: Path, columns: list[str], limit: float) -> Agreement:
    """Compare numbers by parcel, and by layer where there is one; null and NaN are no row."""
    names: dict[str, int] = {}
    sides = []
    for file in (one, other):
        table = pq.read_table(file)
        ids = table["id"].cast(pa.string()).cast(pa.int64()).to_numpy()
        layer = np.zeros(len(ids), dtype=np.int64)
        if "layer" in table.column_names:
            words = table["layer"].cast(pa.string()).to_pylist()
            layer = np.array([names.setdefault(word, len(names)) for word in words], dtype=np.int64)
        key = np.concatenate([ids * 1_000 + layer * 100 + column for column in range(len(columns))])
        value = np.concatenate([np.asarray(table[name], dtype=np.float64) for name in columns])
        sides.append({"key": key[~np.isnan(value)], "value": value[~np.isnan(value)]})
    return compare(*sides, limit)
