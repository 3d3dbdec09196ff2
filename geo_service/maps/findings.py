"""Findings as rows: assessments, services, indicators, constraints, each as the planner reads it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from geo_service.maps import labels
from geo_service.maps.rows import DASH, Finding, Json, both, item, joined, pair, said, section, square_metres
from geo_service.maps.scene import Record, RuleNames
from geo_service.maps.signs import (
    Sign,
    assessment_words,
    constraint_words,
    level_of,
    reason_words,
    service_words,
    sign_of,
    title_of,
)
from geo_service.model.text import Text
from geo_service.model.units import distance_text, grouped, mu, share_text

SOON_DAYS = 90
_GROUND = {
    "covered": Text("已覆盖", "covered"),
    "uncovered": Text("未覆盖", "uncovered"),
    "unsurveyed": Text("资料外", "unsurveyed"),
}
_NOT_COUNTED = Text("不计入结论，照样列出", "not counted, listed all the same")


def unsurveyed(finding: Finding) -> Text | None:
    """Say how much of the parcel lies outside the surveyed extent."""
    coverage = finding.get("coverage")
    area = coverage["unsurveyed_m2"] if coverage else 0.0
    if area <= 0:
        return None
    return Text("超出资料覆盖范围 ", "outside the surveyed extent ") + square_metres(area)


def preconditions(record: Record, names: RuleNames) -> Json:
    """List the lines a planner reads first; some of them are on paper only."""
    found = {finding["code"]: finding for finding in record["constraints"]}
    items: list[Json] = []
    for code, name in names.preconditions:
        if code is None:
            items.append(item(Sign.NOTE, name, labels.ON_PAPER))
        elif code in found:
            items.append(item(sign_of(record, found[code]), name, constraint_line(found[code]), code=code))
    return section("preconditions", items, layout="pairs")


def constraint_line(finding: Finding) -> Text:
    """Outcome of a constraint in words, with the ground that is touched or lies outside."""
    words = constraint_words(finding)
    area = _touched_m2(finding)
    if finding["outcome"] in ("affected", "review") and area > 0:
        figure = square_metres(area)
        if finding["kind"] == "avoid" and finding["outcome"] == "affected":
            return words + Text(f"（占压 {figure.zh}）", f" ({figure.en})")
        return words + both(" ") + figure
    return words


def _touched_m2(finding: Finding) -> float:
    coverage = finding.get("coverage") or {}
    parts = sum(part["area_m2"] for part in finding["parts"])
    key = "covered_m2" if finding["kind"] == "avoid" else "uncovered_m2"
    return float(parts or coverage.get(key, 0.0))


def assessments(record: Record) -> Json:
    """List the assessments: share, validity, outcome with effect, document."""
    items = [_assessment(record, finding) for finding in record["assessments"]]
    return section("assessments", items, note=Text("占地块 · 有效期至", "share · valid to"), layout="rows")


def _assessment(record: Record, finding: Finding) -> Json:
    outcome = finding["outcome"]
    report = next((r for r in finding["reports"] if r["in_force"]), next(iter(finding["reports"]), None))
    waiver = finding["waiver"]
    coverage = finding["coverage"]
    extra: list[Text | None] = []
    if outcome == "waived" and waiver:
        extra.append(both(waiver["document"]))
    elif outcome == "partly_covered" and coverage:
        extra.append(_lacking(coverage["uncovered_m2"]))
    elif outcome == "not_covered":
        extra.append(Text("全部在评估范围外", "wholly outside the study area"))
    elif outcome == "pending":
        extra.append(Text("不计入覆盖", "does not count"))
    elif outcome == "no_data":
        extra.append(reason_words(finding["reason"]))
        extra.append(unsurveyed(finding))
    if report and report["report_no"] and outcome in ("covered", "partly_covered", "expired", "pending", "excluded"):
        extra.append(both(report["report_no"]))
    if finding.get("zone_wide"):
        extra.append(labels.ZONE_WIDE)
    share = coverage["share"] if coverage else None
    if share is None or outcome in ("waived", "not_required", "no_data"):
        share_words = DASH
    else:
        share_words = both(share_text(share, coverage["uncovered_m2"] + coverage["unsurveyed_m2"]))
    until = waiver["valid_to"] if outcome == "waived" and waiver else report["valid_to"] if report else None
    open_ended = (outcome == "waived" or (report and report["in_force"])) and not until
    valid, soon = _days(until, record["as_of"])
    if open_ended:
        valid = Text("长期", "no end")
    lines: list[Text | None] = [said(finding["message"])]
    if outcome == "excluded" and finding["excluded_project_types"]:
        types = "、".join(finding["excluded_project_types"])
        lines.append(Text(f"不适用类型：{types}", f"excluded types: {types}"))
    use = said(finding["use"])
    if outcome == "covered":
        lines.append(use)
    lines += [_report_line(found) for found in finding["reports"]]
    if coverage and 0 < coverage["noise_m2"]:
        lines.append(_noise(coverage["noise_m2"]))
    lines.append(_basis(finding["basis"]))
    return item(
        sign_of(record, finding),
        title_of(finding, {}),
        joined([assessment_words(finding), *extra]),
        right=[share_words, valid],
        soon=soon,
        code=finding["code"],
    ) | {"more": [pair(line) for line in lines if line is not None and line.zh], "bars": _bars(finding)}


def _bars(finding: Finding) -> list[list[Any]]:
    """Write the ground covered, uncovered and unsurveyed: kind, name, share of the parcel, m² and mu."""
    coverage = finding["coverage"]
    if not coverage or finding["outcome"] in ("waived", "not_required"):
        return []
    areas = {kind: coverage[f"{kind}_m2"] for kind in _GROUND}
    whole = sum(areas.values())
    return [
        [
            kind,
            pair(name),
            round(areas[kind] / whole, 4) if whole else 0,
            pair(square_metres(areas[kind])),
            [f"{grouped(mu(areas[kind]), 2)} 亩", f"{grouped(mu(areas[kind]), 2)} mu"],
        ]
        for kind, name in _GROUND.items()
    ]


def _lacking(area_m2: float) -> Text:
    return Text("缺 ", "missing ") + square_metres(area_m2)


def _noise(area_m2: float) -> Text:
    return Text("按容差忽略的细碎重叠 ", "slivers left out by tolerance ") + square_metres(area_m2)


def _days(until: str | None, as_of: str) -> tuple[Text, Text | None]:
    if until is None:
        return DASH, None
    left = (date.fromisoformat(until) - date.fromisoformat(as_of)).days
    if left < 0:
        return both(until), Text(f"过期 {-left} 天", f"ended {-left} d ago")
    words = Text(f"余 {left} 天", f"{left} d left")
    if left <= SOON_DAYS:
        return both(until), words
    return joined([both(until), words], " "), None


def _report_line(report: Finding) -> Text:
    state = Text("有效", "in force") if report["in_force"] else Text("未生效或已失效", "not in force")
    number = report["report_no"] or "—"
    by = report["approved_by"] or "—"
    on = report["approved_on"] or "—"
    until = report["valid_to"] or "—"
    derived_zh = "（按规则推算）" if report["derived"] else ""
    derived_en = " (by the rule's years)" if report["derived"] else ""
    sale = None
    if report["in_force"] and not report["covers_sale"]:
        sale = Text("供地窗口内到期", "ends within the supply window")
    share, edition = share_text(report["share"]), report["edition"]
    line = Text(
        f"{number}，{by} {on} 批复，有效至 {until}{derived_zh}，覆盖 {share}，数据 {edition}",
        f"{number}, approved {on} by {by}, valid to {until}{derived_en}, covers {share}, data {edition}",
    )
    return joined([state, line, sale])


def _basis(basis: Sequence[Finding]) -> Text | None:
    if not basis:
        return None
    named = "；".join(" ".join(filter(None, (entry["document"], entry["article"]))) for entry in basis)
    return Text(f"依据 {named}", f"Basis {named}")


def readiness(record: Record) -> Json:
    """List each service with its two witnesses, paper and network; levelling with paper and terrain."""
    found = record["readiness"]
    items = [_service(record, service) for service in found["services"]]
    level = level_of(record)
    within, slope = level["share_within_tolerance"], level["slope_p95_percent"]
    figures = []
    if within is not None:
        figures.append(Text(f"容差内 {share_text(within)}", f"{share_text(within)} within tolerance"))
    if slope is not None:
        figures.append(Text(f"坡度P95 {grouped(slope, 1)} %", f"slope P95 {grouped(slope, 1)} %"))
    if level["cut_m3"] is not None and level["fill_m3"] is not None:
        cut, fill = grouped(level["cut_m3"], 0), grouped(level["fill_m3"], 0)
        figures.append(Text(f"挖 {cut} m³ 填 {fill} m³", f"cut {cut} m³ fill {fill} m³"))
    terrain = joined(figures) if figures else DASH
    items.append(
        item(
            sign_of(record, level),
            title_of(level, labels.SERVICE_NAME),
            joined([labels.LEVEL[level["outcome"]], reason_words(level["reason"])]),
            lines=[_claims(level), Text("地形 ", "Terrain: ") + terrain, said(level["message"])],
            code=level["code"],
        )
        | {"claim": True}
    )
    title = said(found["title"]) or both(found["standard"])
    return section("readiness", items, note=joined([title, labels.READINESS[found["met"]]]), layout="services")


def _service(record: Record, service: Finding) -> Json:
    tag = None if service["required"] else Text("非标准要求", "beyond the standard")
    return item(
        sign_of(record, service),
        title_of(service, labels.SERVICE_NAME),
        joined([service_words(service), reason_words(service["reason"])]),
        lines=[_claims(service), _network(service), said(service["message"])],
        tag=tag,
        code=service["code"],
    ) | {"claim": True}


def _claims(finding: Finding) -> Text:
    if not finding["claims"]:
        # A public record leaves the papers out; then only what is said to be missing is missing.
        none = finding["reason"] == "no_claim" or finding["outcome"] == "not_met"
        return Text("证明 无", "Claim: none") if none else Text("证明 —", "Claim: —")
    found = []
    for claim in finding["claims"]:
        words = [claim.get(key) for key in ("issuer", "document", "dated_on")]
        kind = labels.KIND.get(claim.get("kind") or "")
        due = claim.get("due_on")
        found.append(
            joined(
                [
                    both(" ".join(str(word) for word in words if word)),
                    kind,
                    Text(f"{due} 到位", f"due {due}") if due else None,
                ]
            )
        )
    listed = joined(found, "；")
    return Text("证明 ", "Claim: ") + listed


def _network(service: Finding) -> Text:
    network, distance, limit = service["network"], service["distance_m"], service["limit_m"]
    if network == "no_data":
        return Text("管网 无资料", "Network: no data")
    if network == "none" or distance is None:
        return Text("管网 查找范围内无", "Network: none within reach")
    nearest = f" {service['nearest']}" if service["nearest"] else ""
    return Text(
        f"管网{nearest} 距宗地红线 {distance_text(distance)}（限{distance_text(limit)}）",
        f"Network:{nearest} {distance_text(distance)} from the parcel boundary (limit {distance_text(limit)})",
    )


def indicators(record: Record) -> Json:
    """List the indicators: the parcel's value, the entry standard, the conclusion."""
    items = []
    for found in record["indicators"]:
        comparator = {">=": "≥", "<=": "≤"}[found["comparator"]]

        def figure(value: float | None, mark: str = comparator, unit: str = found["unit"]) -> Text:
            if value is None:
                return DASH
            decimals = 0 if float(value).is_integer() else 2
            number = f"{mark}{grouped(value, decimals)}"
            return Text(f"{number} {unit}".strip(), f"{number} {_english(unit)}".strip())

        items.append(
            item(
                sign_of(record, found),
                title_of(found, {}),
                labels.INDICATOR[found["outcome"]],
                right=[figure(found["value"]), figure(found["standard"])],
                lines=[said(found["message"])] if found["outcome"] != "set" else [],
                code=found["code"],
            )
        )
    note = Text("本宗 · 准入标准", "this parcel · entry standard")
    return section("indicators", items, count=len(items), note=note, layout="rows")


def _english(unit: str) -> str:
    for zh, en in labels.UNIT_PARTS.items():
        unit = unit.replace(zh, en)
    return unit


def constraints(record: Record) -> Json:
    """List what is touched, for a surveyor, or unknown; the fold holds the rest, and nothing unknown."""
    shown, folded = [], []
    titles = {finding["code"]: title_of(finding, {}) for finding in record["assessments"]}
    for finding in record["constraints"]:
        row = _constraint(record, finding, titles.get(finding["assessment"]))
        coverage = finding["coverage"]
        if finding["outcome"] == "clear":
            folded.append(row)
            if coverage and coverage["noise_m2"] > 0:
                title, noise = title_of(finding, {}), _noise(coverage["noise_m2"])
                shown.append(item(Sign.NOTE, title, noise, lines=[_NOT_COUNTED]))
        else:
            shown.append(row)
    rest = Text(f"其余 {len(folded)} 项未涉及或在范围内（展开）", f"{len(folded)} more not touched or inside (unfold)")
    return section("constraints", shown, count=len(shown), folded={"title": pair(rest), "items": folded})


def _constraint(record: Record, finding: Finding, related: Text | None) -> Json:
    parts = []
    for part in finding["parts"]:
        title = title_of({"code": part["class"], "title": part.get("title")}, {})
        share = share_text(part["share"])
        parts.append(title + both(f" {share} ") + square_metres(part["area_m2"]))
    distance = finding["distance_m"]
    lines = [
        joined(parts) if parts else None,
        Text(f"距宗地红线 {distance_text(distance)}", f"{distance_text(distance)} from the parcel boundary")
        if distance is not None
        else None,
        said(finding["message"]),
        Text("关联：", "Belongs to: ") + related if related else None,
        unsurveyed(finding) if finding["outcome"] != "clear" else None,
    ]
    return item(
        sign_of(record, finding),
        title_of(finding, {}),
        joined([constraint_line(finding), reason_words(finding["reason"])]),
        lines=lines,
        code=finding["code"],
    )
