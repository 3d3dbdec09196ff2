"""What a profile lets out. The public one keeps the parcel, outcomes, effects, report numbers, validity, conditions.

It holds no feature id, owner's paper or measured level that comes from a layer which is not public.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Any

from geo_service.export.record import Record, digest_of
from geo_service.model.text import Text


class Profile(StrEnum):
    """For whom a package is made."""

    PUBLIC = "public"
    INTERNAL = "internal"


def public_record(
    body: Record, secret_layers: Collection[str], layer_of: dict[str, str | None], level_words: Text
) -> Record:
    """Return the record as bidders may read it, with a digest of its own.

    Parameters
    ----------
    body : Record
        The full record.
    secret_layers : collection of str
        Layers whose secrecy is not public.
    layer_of : dict
        The layer that each constraint and service code reads.
    level_words : Text
        The outcome of levelling in words, without a figure: its message tells what was measured of the ground. The
        clause of a condition keeps its figures, because the buyer signs it.
    """
    out: dict[str, Any] = {**body}
    title = body["readiness"]["level"]["title"]
    unmeasured = {"zh": f"{title['zh']}：{level_words.zh}", "en": f"{title['en']}: {level_words.en}"}
    level_code = body["readiness"]["level"]["code"]
    out["verdict"] = {
        **body["verdict"],
        "reasons": [
            {**reason, "message": unmeasured, "needed": None} if reason["code"] == level_code else reason
            for reason in body["verdict"]["reasons"]
        ],
    }
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
        "message": unmeasured,
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
