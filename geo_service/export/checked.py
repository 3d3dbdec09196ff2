"""The answer to a check of boundaries from outside: records and rejected rows in order, and how they were read."""

from __future__ import annotations

import json
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from typing import Any

from geo_service.errors import Fault
from geo_service.export.geojson import compact
from geo_service.export.record import record_bytes
from geo_service.model.report import ImportReport


def fault_json(fault: Fault) -> dict[str, Any]:
    """Write a fault: code, where, cause and next step in two languages."""
    return {
        "row": fault.row,
        "id": fault.id,
        "code": fault.code,
        "where": fault.where,
        "value": None if fault.value is None else fault.value[:200],
        "reason": {"zh": fault.zh, "en": fault.en},
        "next": {"zh": fault.next_zh, "en": fault.next_en},
    }


def report_json(report: ImportReport) -> dict[str, Any]:
    """Write how a file was read: what it was taken for, and what was mended in it."""
    return {
        "driver": report.driver,
        "crs": report.crs,
        "crs_how": report.crs_how,
        "encoding": report.encoding,
        "encoding_how": report.encoding_how,
        "read": report.read,
        "stored": report.stored,
        "repairs": [
            {
                "row": repair.row,
                "id": repair.id,
                "rule": repair.rule,
                "zh": repair.zh,
                "en": repair.en,
                "area_change_m2": repair.area_change_m2,
            }
            for repair in report.repairs
        ],
        "warnings": list(report.warnings),
        "notes": list(report.notes),
    }


def checked(records: Sequence[bytes], rejected: Sequence[Fault], report: ImportReport) -> bytes:
    """Put records, as their canonical bytes, and rejected rows side by side, with how they were read."""
    return b"".join(checked_parts([*records, *rejected], report))


def checked_parts(found: Iterable[bytes | Fault], report: ImportReport) -> Iterator[bytes]:
    """Write the same as `checked` piece by piece, records as they come; what was rejected follows them."""
    yield b'{"records":['
    rejected = yield from _between_commas(found)
    yield b'],"rejected":%b,"report":%b}' % (_told(rejected), compact(report_json(report)))


def feature_parts(found: Iterable[bytes | Fault], report: ImportReport) -> Iterator[bytes]:
    """Write features as they come into a FeatureCollection, with what was rejected as members beside them."""
    yield b'{"type":"FeatureCollection","features":['
    rejected = yield from _between_commas(found)
    yield b'],"rejected":%b,"report":%b}' % (_told(rejected), compact(report_json(report)))


def with_assessments(record: bytes, codes: Collection[str]) -> bytes:
    """Leave only some assessments in a record; its digest stays that of the whole."""
    body = json.loads(record)
    body["assessments"] = [entry for entry in body["assessments"] if entry["code"] in codes]
    return record_bytes(body)


def flat_feature(drawn: bytes, left_out: Collection[str] = ()) -> bytes:
    """Take the parcel alone out of its internal GeoJSON, as a feature with its outcomes as properties.

    Parameters
    ----------
    left_out : collection of str
        Codes of which nothing is told.
    """
    feature = json.loads(drawn)["features"][0]
    told = feature["properties"].items()
    feature["properties"] = {key: value for key, value in told if key.partition("_")[0] not in left_out}
    return compact(feature)


def _between_commas(found: Iterable[bytes | Fault]) -> Generator[bytes, None, list[Fault]]:
    rejected = []
    between = b""
    for one in found:
        if isinstance(one, Fault):
            rejected.append(one)
        else:
            yield between + one
            between = b","
    return rejected


def _told(rejected: Iterable[Fault]) -> bytes:
    return compact([fault_json(fault) for fault in sorted(rejected, key=lambda fault: fault.row or 0)])
