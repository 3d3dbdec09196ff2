"""Every exception this project raises on purpose.

::

    GeoServiceError
    ├── InputError            a file, geometry or value from outside is wrong (exit 2, HTTP 4xx)
    │   ├── RejectedRows      an import with rejected rows; all of them are listed
    │   └── TooComplex        a geometry that would take too long to check
    ├── CatalogueError        a layer description is wrong (file and key named)
    ├── RulebookError         a rule file is wrong (file and key named)
    ├── CrsMismatch           two things that must share a CRS do not
    ├── MeasureFailed         a measurement raised or overran; becomes the reason ``failed``
    ├── WorkspaceError        no workspace here, or it is damaged or of another schema
    ├── CalledOff             an import was cancelled, or its program ended, before anything was published
    ├── NotFound              no parcel, layer, edition or collection of that name
    └── PackageRefused        a parcel whose verdict does not allow a tender package
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with an input, said so that a planner can mend it.

    Attributes
    ----------
    code : str
        Machine name of the fault, e.g. ``axes_swapped``.
    zh, en : str
        What is wrong and what was expected.
    next_zh, next_en : str
        What to do next.
    where : str
        File, row, sheet, column or field; empty when it is the whole input.
    row : int or None
        1-based row in the file.
    id : str or None
        The feature's own id, when it has one.
    value : str or None
        The offending value, at most 200 characters.
    """

    code: str
    zh: str
    en: str
    next_zh: str = ""
    next_en: str = ""
    where: str = ""
    row: int | None = None
    id: str | None = None
    value: str | None = None

    def line(self) -> str:
        """One line for a terminal.

        Examples
        --------
        >>> Fault("empty_file", "文件为空", "the file is empty", where="a.txt").line()
        'a.txt: 文件为空 / the file is empty [empty_file]'
        """
        where = f"{self.where}: " if self.where else ""
        row = f"第{self.row}行 row {self.row}: " if self.row is not None else ""
        name = f"{self.id}: " if self.id else ""
        step = f" → {self.next_zh} / {self.next_en}" if self.next_zh or self.next_en else ""
        value = f" ({self.value[:200]})" if self.value else ""
        return f"{where}{row}{name}{self.zh} / {self.en}{value} [{self.code}]{step}"


def too_complex(row: int | None, value: str | None = None) -> Fault:
    """Say that a geometry would take too long to check."""
    return Fault(
        "geometry_too_complex",
        "图形过于复杂，无法在限定时间内检查",
        "the geometry is too complex to be checked in time",
        "请简化图形或拆分后再提交",
        "simplify the geometry or split it",
        row=row,
        value=value,
    )


def frames(error: BaseException) -> list[str]:
    """Say where an exception came up, for a log: what it says, and the lines of a trace, may be somebody's data."""
    return [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__, limit=-20)]


def came_up(error: BaseException) -> str:
    """Say of what kind an exception is and where it came up, and no more; see `frames`.

    Examples
    --------
    >>> try:
    ...     int("张三")
    ... except ValueError as error:
    ...     came_up(error)
    'ValueError at <module>:2'
    """
    return f"{type(error).__name__} at {', '.join(frames(error))}"


class GeoServiceError(Exception):
    """Root of the tree."""


class InputError(GeoServiceError):
    """Something from outside is wrong; carries one or more faults.

    Examples
    --------
    >>> str(InputError(Fault("empty_file", "文件为空", "the file is empty")))
    '文件为空 / the file is empty [empty_file]'
    """

    def __init__(self, *faults: Fault) -> None:
        super().__init__("\n".join(fault.line() for fault in faults))
        self.faults: tuple[Fault, ...] = faults

    def __reduce__(self) -> tuple[type[InputError], tuple[Fault, ...]]:
        """Pickle by the faults, because this crosses a process boundary."""
        return type(self), self.faults


class RejectedRows(InputError):
    """Some rows cannot be stored; nothing was.

    Parameters
    ----------
    read : int, optional
        How many rows there are in all.
    """

    def __init__(self, *faults: Fault, read: int | None = None) -> None:
        super().__init__(*faults)
        self.read = read

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the faults and the number of rows."""
        return type(self), self.faults, {"read": self.read}


class TooComplex(InputError):
    """A geometry that would take too long to check or repair."""


class CatalogueError(GeoServiceError):
    """A layer description is wrong."""


class RulebookError(GeoServiceError):
    """A rule file is wrong."""


class CrsMismatch(GeoServiceError):
    """Two things that must share a CRS do not."""


class MeasureFailed(GeoServiceError):
    """A measurement raised or overran."""


class WorkspaceError(GeoServiceError):
    """No workspace here, or it is damaged or of another schema."""


class CalledOff(GeoServiceError):
    """An import was cancelled, or its program ended, before anything was published."""


class NotFound(GeoServiceError):
    """No parcel, layer, edition or collection of that name."""


class PackageRefused(GeoServiceError):
    """A parcel whose verdict does not allow a tender package, with the reasons."""

    def __init__(self, refused: Sequence[tuple[str, str, tuple[str, ...]]]) -> None:
        self.refused = tuple(refused)
        super().__init__(
            "\n".join(
                f"{parcel}: 不能生成成果包 / package refused ({status}): " + "; ".join(reasons)
                for parcel, status, reasons in self.refused
            )
        )
