"""What a profile lets out. The public one keeps the parcel, outcomes, effects, report numbers, validity, conditions.

It holds no feature id, owner's paper or measured level that comes from a layer which is not public.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Any

from geo_service.export.record import Record, digest_of


class Profile(StrEnum):
    """For whom a package is made."""

    PUBLIC = "public"
    INTERNAL = "internal"


def public_record(body: Record, secret_layers: Collection[str], layer_of: dict[str, str | None]) -> Record:
    """Return the record as bidders may read it, with a digest of its own.

    Parameters
    ----------
    body : Record
        The full record.
    secret_layers : collection of str
        Layers whose secrecy is not public.
    layer_of : dict
        The layer that each constraint and service code reads.
    """
    out: dict[str, Any] = {**body}
    out["constraints"] = [
        {**entry, "parts": [{**part, "features": []} for part in entry["parts"]]}
        if layer_of.get(entry["code"]) in secret_layers
        else entry
        for entry in body["constraints"]
    ]
    readiness = body["readiness"]
    level = {
        **readiness["level"],
        "share_within_tolerance": None,
        "slope_p95_percent": None,
        "cut_m3": None,
        "fill_m3": None,
        "nodata_share": None,
        "claims": [],
    }
    out["readiness"] = {
        **readiness,
        "services": [
            {**entry, "nearest": None, "claims": []}
            if layer_of.get(entry["code"]) in secret_layers
            else {**entry, "claims": []}
            for entry in readiness["services"]
        ],
        "level": level,
    }
    out["provenance"] = {key: value for key, value in body["provenance"].items() if key != "digest"}
    out["provenance"]["digest"] = digest_of(out)
    return out
