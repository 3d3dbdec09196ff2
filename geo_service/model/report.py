"""What an import did: rows read, stored, repaired, rejected; CRS and encoding and how they are known."""

from __future__ import annotations

from dataclasses import dataclass

from geo_service.errors import Fault
from geo_service.model.parcel import Repair


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The account of one import; ``read == stored + len(rejected) + deleted``.

    ``crs_how`` and ``encoding_how`` say how the CRS and the encoding are known (declared, option, prefix, sniffed …).
    """

    source_name: str
    driver: str
    layer: str
    crs: str
    crs_how: str
    encoding: str
    encoding_how: str
    read: int
    stored: int
    deleted: int = 0
    rejected: tuple[Fault, ...] = ()
    repairs: tuple[Repair, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    area_m2: float | None = None
