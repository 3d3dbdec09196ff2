"""All parcels at once: what the list says of each, and the columns by which the map can be coloured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

from geo_service.maps import labels
from geo_service.maps.draw import label_point
from geo_service.maps.problem import findings, first_problem, services
from geo_service.maps.rows import Json, both, joined, pair, square_metres
from geo_service.maps.scene import MapParcel, Neighbour, Record, RuleNames
from geo_service.maps.signs import (
    STATUS_SIGN,
    Sign,
    assessment_words,
    level_of,
    readiness_sign,
    reason_words,
    service_words,
    sign_of,
    title_of,
)
from geo_service.model.enums import PASSED, Outcome
from geo_service.model.text import Text
from geo_service.model.units import grouped, mu, share_text

# Sign, words, small print, and the texture that tells outcomes of one sign apart.
Cell = tuple[Sign, Text, Text | None, str]
# Where these lie on the map they share their colour with other outcomes of the same weight.
_TEXTURED = frozenset({"partly_covered", "not_covered", "pending", "expired"})
_WITH_CONDITION = Text("（附条件）", " (with a condition)")
VERDICT = "verdict"
READINESS = "readiness"


def columns(records: Sequence[Record], names: RuleNames) -> list[Json]:
    """Lay out the columns: verdict, each assessment in catalogue order, readiness, each service asked for, levelling.

    Each has one cell a parcel, ``[index into legend, small print]`` or ``None`` where the record has no such finding;
    its legend counts parcels by sign and words. ``colour`` says that the map can be coloured by it.
    """

    def column(key: str, title: Text, cell: Callable[[Record], Cell | None], *, colour: bool = False) -> Json:
        cells = [cell(record) for record in records]
        short = names.short.get(key, title)
        return {"key": key, "title": pair(title), "short": pair(short), "colour": colour} | _counted(cells)

    found = [column(VERDICT, Text("结论", "Verdict"), _verdict, colour=True)]
    for code, title in _named(record["assessments"] for record in records):
        found.append(column(code, title, partial(_assessment, code), colour=True))
    found.append(column(READINESS, Text("通平", "Readiness"), _readiness, colour=True))
    services = (record["readiness"]["services"] for record in records)
    for code, title in _named([service for service in group if service["required"]] for group in services):
        found.append(column(code, title, partial(_service, code)))
    for code, title in _named([level_of(record)] for record in records):
        found.append(column(code, title, _level))
    return found


def _named(groups: Iterable[Sequence[Mapping[str, Any]]]) -> list[tuple[str, Text]]:
    titles: dict[str, Text] = {}
    for group in groups:
        for finding in group:
            titles.setdefault(finding["code"], title_of(finding, labels.SERVICE_NAME))
    return list(titles.items())


def _counted(cells: Sequence[Cell | None]) -> Json:
    kinds = {(sign, words, texture) for sign, words, _, texture in filter(None, cells)}
    order = list(Sign)
    legend = sorted(kinds, key=lambda kind: (order.index(kind[0]), kind[1].zh))
    place = {kind: index for index, kind in enumerate(legend)}
    counts = [0] * len(legend)
    written: list[list[Any] | None] = []
    for cell in cells:
        if cell is None:
            written.append(None)
            continue
        sign, words, small, texture = cell
        index = place[sign, words, texture]
        counts[index] += 1
        written.append([index, pair(small)] if small else [index])
    return {
        "legend": [
            {"sign": sign.value, "words": pair(words), "count": count, "texture": texture}
            for (sign, words, texture), count in zip(legend, counts, strict=True)
        ],
        "cells": written,
    }


def _verdict(record: Record) -> Cell:
    status = record["verdict"]["status"]
    until = record["verdict"]["valid_until"]
    small = Text(f"至 {until}", f"until {until}") if until else None
    return STATUS_SIGN[status], labels.STATUS[status], small, ""


def _of(findings: Sequence[Mapping[str, Any]], code: str) -> Mapping[str, Any] | None:
    return next((finding for finding in findings if finding["code"] == code), None)


def _assessment(code: str, record: Record) -> Cell | None:
    finding = _of(record["assessments"], code)
    if finding is None:
        return None
    coverage, outcome = finding["coverage"], finding["outcome"]
    small: Text | None = None
    if outcome in ("covered", "partly_covered") and coverage:
        lacking = coverage["uncovered_m2"] + coverage["unsurveyed_m2"]
        small = both(share_text(coverage["share"], lacking))
        if outcome == "partly_covered":
            small = joined([small, Text("缺 ", "missing ") + square_metres(lacking)])
    elif outcome == "waived" and finding["waiver"]:
        small = both(finding["waiver"]["document"])
    elif outcome == "no_data":
        small = reason_words(finding["reason"])
    sign, words = sign_of(record, finding), assessment_words(finding)
    if outcome == "covered" and sign is Sign.CONDITION:
        words = words + _WITH_CONDITION
    return sign, words, small, outcome if outcome in _TEXTURED else ""


def _readiness(record: Record) -> Cell:
    readiness = record["readiness"]
    title = readiness["title"]
    return readiness_sign(record), labels.READINESS[readiness["met"]], Text(title["zh"], title["en"]), ""


def _service(code: str, record: Record) -> Cell | None:
    finding = _of(record["readiness"]["services"], code)
    if finding is None:
        return None
    return sign_of(record, finding), service_words(finding), reason_words(finding["reason"]), ""


def _level(record: Record) -> Cell:
    level = level_of(record)
    return sign_of(record, level), labels.LEVEL[level["outcome"]], reason_words(level["reason"]), ""


def items(records: Sequence[Record], names: RuleNames) -> list[Json]:
    """List everything that a parcel may lack, in the order of the panel: code and short name."""
    titles: dict[str, Text] = {}
    for record in records:
        for finding in findings(record):
            code = finding["code"]
            titles.setdefault(code, names.short.get(code) or title_of(finding, labels.SERVICE_NAME))
    return [{"code": code, "title": pair(title)} for code, title in titles.items()]


def entry(parcel: MapParcel, names: RuleNames) -> Json:
    """Say of a parcel what list, search, filters and labels need."""
    record, facts, filed = parcel.record, parcel.record["parcel"], parcel.filed
    lon, lat = label_point(parcel)
    until = record["verdict"]["valid_until"]
    return {
        "id": parcel.id,
        "name": facts["name"] or "",
        "zone": facts["zone"] or "",
        "place": filed.location,
        "unit": filed.unit_no,
        "batch": filed.batch,
        "stage": filed.stage,
        "notice": filed.notice_on,
        "m2": facts["area_m2"],
        **_in_mu(facts["area_m2"]),
        "at": [round(lat, 7), round(lon, 7)],
        "problem": pair(first_problem(record, names)),
        "left": (date.fromisoformat(until) - date.fromisoformat(record["as_of"])).days if until else None,
        "changed": filed.changed,
        "disputed": any(finding["outcome"] == Outcome.REVIEW for finding in services(record)),
        "lacking": [one["code"] for one in findings(record) if one["outcome"] not in PASSED],
        "digest": record["provenance"]["digest"],
    }


def neighbour(parcel: Neighbour) -> Json:
    """Say of a parcel what the label on its outline needs."""
    lon, lat = label_point(parcel)
    return {
        "id": parcel.id,
        "name": parcel.name,
        **_in_mu(parcel.area_m2),
        "at": [round(lat, 7), round(lon, 7)],
    }


def _in_mu(area_m2: float) -> Json:
    short, exact = grouped(mu(area_m2), 1), grouped(mu(area_m2), 2)
    return {"mu": [f"{short} 亩", f"{short} mu"], "mu2": [f"{exact} 亩", f"{exact} mu"]}


def listed(parcel: MapParcel, names: RuleNames) -> Json:
    """Say what the list and the colours of a page need of one parcel that has changed."""
    return {
        "entry": entry(parcel, names),
        "cells": [
            [column["key"], column["cells"][0], column["legend"][0]]
            for column in columns([parcel.record], names)
            if column["cells"][0]
        ],
        "status": pair(labels.STATUS_FULL[parcel.record["verdict"]["status"]]),
    }
