"""From an assessment record to what the panel shows, in the planner's order, numbers already written.

A card is plain JSON data. Texts are ``[zh, en]`` pairs; nothing in it is markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from geo_service.maps import labels
from geo_service.maps.findings import (
    assessments,
    constraints,
    indicators,
    preconditions,
    readiness,
    unsurveyed,
)
from geo_service.maps.problem import needed_of, outcome_words, owner_of, services
from geo_service.maps.rows import Finding, Json, both, item, joined, pair, said, section, square_metres
from geo_service.maps.scene import Record, RuleNames
from geo_service.maps.signs import (
    STATUS_SIGN,
    Sign,
    reason_words,
    sign_of,
    title_of,
)
from geo_service.model.text import Text
from geo_service.model.units import grouped, mu

NO_NAMES = RuleNames()


def card(
    record: Record,
    *,
    forced: bool = False,
    land_use: Text | None = None,
    zone_name: str | None = None,
    layer_titles: Mapping[str, Text] | None = None,
    names: RuleNames = NO_NAMES,
) -> Json:
    """Lay out one record in the order of the panel: head, verdict, eleven sections.

    Parameters
    ----------
    forced : bool
        Marks a parcel that is handed over although its verdict refuses the package.
    land_use : Text, optional
        The land-use code with its name and system.
    zone_name : str, optional
        Name of the parcel's zone.
    layer_titles : mapping of str to Text, optional
        Titles of the layers that the record names by id.
    names : RuleNames, optional
        Short names and the list of preconditions.
    """
    parcel = record["parcel"]
    return {
        "id": parcel["id"],
        "as_of": record["as_of"],
        "head": head(record, land_use, zone_name),
        "verdict": verdict(record, forced, names),
        "refused": refused(record),
        "digest": record["provenance"]["digest"],
        "sections": [
            todo(record),
            conditions(record),
            missing(record),
            preconditions(record, names),
            assessments(record),
            readiness(record),
            indicators(record),
            constraints(record),
            section("papers", [], note=Text("不在本系统登记，请按清单核对", "not kept here; check against the list")),
            section("determinations", [], count=0),
            provenance(record, layer_titles or {}),
        ],
    }


def head(record: Record, land_use: Text | None = None, zone_name: str | None = None) -> Json:
    """Head the card: number, name, area, zone, land use, project type."""
    parcel = record["parcel"]
    area, in_mu = grouped(parcel["area_m2"], 2), grouped(mu(parcel["area_m2"]), 4)
    zone = parcel["zone"] and " ".join(filter(None, (zone_name, parcel["zone"])))
    use = land_use or (both(parcel["land_use"]) if parcel["land_use"] else None)
    lines = [
        joined(
            [
                Text(f"核查基准日 {record['as_of']}", f"as of {record['as_of']}"),
                Text(f"开发区 {zone}", f"zone {zone}") if zone else Text("未归入开发区", "in no zone"),
            ]
        ),
    ]
    if use is not None:
        lines.append(Text("用途 ", "land use: ") + use)
    if parcel["project_type"]:
        lines.append(Text("项目类型 ", "project type: ") + both(parcel["project_type"]))
    if parcel["registered_area_m2"] is not None:
        lines.append(Text("登记面积 ", "registered area ") + square_metres(parcel["registered_area_m2"]))
    return {
        "id": parcel["id"],
        "name": parcel["name"] or "",
        "area_label": pair(Text("出让面积", "Area offered")),
        "area": [f"{area}㎡（{in_mu}亩）", f"{area} m² ({in_mu} mu)"],
        "lines": [pair(line) for line in lines],
    }


def _with(record: Record, effect: str) -> list[Finding]:
    return [reason for reason in record["verdict"]["reasons"] if reason["effect"] == effect]


def verdict(record: Record, forced: bool, names: RuleNames) -> Json:
    """Say the status, one sentence, and until when it holds."""
    found = record["verdict"]
    fails, unknown, conditions = (len(_with(record, effect)) for effect in ("not_ready", "undetermined", "condition"))
    counts = Text(
        f"公告前必办 {fails} 项，资料不足 {unknown} 项，条件 {conditions} 项",
        f"{fails} to do before notice, {unknown} without data, {conditions} condition{'' if conditions == 1 else 's'}",
    )
    until = found["valid_until"]
    valid = (
        Text(f"本结论依据现有数据有效至 {until}", f"Holds on these data until {until}")
        if until
        else Text("有效至 —", "Valid until —")
    )
    first = _first_to_expire(record, names) if until else None
    if first is not None:
        valid = valid + Text(f"（{first.zh}最先到期）", f" ({first.en} ends first)")
    if until:
        left = (date.fromisoformat(until) - date.fromisoformat(record["as_of"])).days
        valid = valid + Text(f"，余 {left} 天", f", {left} days left")
    shown: Json = {
        "status": found["status"],
        "sign": STATUS_SIGN[found["status"]].value,
        "words": pair(labels.STATUS_FULL[found["status"]]),
        "sentence": pair(counts),
        "valid": pair(valid),
    }
    if found["boundary_sensitive"]:
        shown["sensitive"] = pair(labels.BOUNDARY_SENSITIVE)
        shown["sensitive_why"] = pair(
            Text(
                "容差减半或加倍时结论不同，请勘测核定",
                "halving or doubling the tolerances changes the verdict; have it surveyed",
            )
        )
    if forced:
        shown["forced"] = pair(labels.FORCED)
    return shown


def _first_to_expire(record: Record, names: RuleNames) -> Text | None:
    until = record["verdict"]["valid_until"]
    for finding in record["assessments"]:
        if any(report["in_force"] and report["valid_to"] == until for report in finding["reports"]):
            return names.short.get(finding["code"]) or title_of(finding, {})
    return None


def refused(record: Record) -> Json | None:
    """Say why no package can be made, ``None`` when it can."""
    if record["verdict"]["status"] not in ("not_ready", "undetermined"):
        return None
    reasons = [*_with(record, "not_ready"), *_with(record, "undetermined")]
    said_reasons = [said(reason["message"]) or both(reason["code"]) for reason in reasons]
    return {
        "words": pair(
            Text(
                f"地块不具备条件，不能生成成果包（缺 {len(reasons)} 项）",
                f"Package refused: {len(reasons)} missing",
            )
        ),
        "reasons": [pair(reason) for reason in said_reasons],
    }


def todo(record: Record) -> Json:
    """List what fails the parcel: what to do, whose it is, what to obtain."""
    reasons = _with(record, "not_ready")
    items = [
        item(
            Sign.FAILS,
            said(reason["message"]) or both(reason["code"]),
            lines=[_owner(reason), _needed(reason)],
            code=reason["code"],
        )
        | _claimed(record, reason["code"])
        for reason in reasons
    ]
    return section("todo", items, count=len(items))


def conditions(record: Record) -> Json:
    """List what goes into the notice or the contract, clauses in full."""
    items = [
        item(
            Sign.CONDITION,
            said(reason["message"]) or both(reason["code"]),
            tag=labels.STAGE[reason["stage"]],
            clause=said(reason["clause"]),
            lines=[_owner(reason)],
            code=reason["code"],
        )
        for reason in _with(record, "condition")
    ]
    return section("conditions", items, count=len(items))


def missing(record: Record) -> Json:
    """List everything that is not known, what decides the verdict first: why, and whom to ask."""
    reasons = {reason["code"]: reason for reason in reversed(_with(record, "undetermined"))}
    # Services beyond the standard are listed under infrastructure; they would bury here what matters.
    unknown = [
        (finding, name)
        for finding, name in _findings(record)
        if sign_of(record, finding) is Sign.NO_DATA and finding["severity"] != "info"
    ]
    unknown.sort(key=lambda entry: entry[0]["code"] not in reasons)
    items = []
    for finding, name in unknown:
        reason = reasons.get(finding["code"])
        items.append(
            item(
                Sign.NO_DATA,
                name,
                joined([outcome_words(finding), reason_words(finding.get("reason"))]),
                lines=[
                    unsurveyed(finding),
                    said(reason["message"]) if reason else said(finding.get("message")),
                    _owner(reason)
                    if reason
                    else Text("不决定本结论，见条件", "does not decide the verdict, see conditions"),
                    _needed(reason) if reason else None,
                ],
                code=finding["code"],
            )
            | _claimed(record, finding["code"])
        )
    return section("missing", items, count=len(items))


def _claimed(record: Record, code: str) -> Json:
    # A paper can settle a service and levelling; nothing else.
    return {"claim": True} if any(finding["code"] == code for finding in services(record)) else {}


def _owner(reason: Finding) -> Text | None:
    owner = owner_of(reason)
    return Text("责任单位：", "Responsible: ") + owner if owner else None


def _needed(reason: Finding) -> Text | None:
    found = needed_of(reason)
    return Text("应取得：", "To obtain: ") + found if found else None


def _findings(record: Record) -> list[tuple[Finding, Text]]:
    found = [(finding, title_of(finding, {})) for finding in [*record["assessments"], *record["constraints"]]]
    found += [(finding, title_of(finding, labels.SERVICE_NAME)) for finding in services(record)]
    return found + [(finding, title_of(finding, {})) for finding in record["indicators"]]


def provenance(record: Record, layer_titles: Mapping[str, Text]) -> Json:
    """List the editions read, the rules, and the digest to compare with."""
    found = record["provenance"]
    items = [
        item(
            Sign.NOTE,
            layer_titles.get(layer["id"], both(layer["id"])),
            lines=[
                joined(
                    [
                        both(layer["edition"]),
                        Text(f"数据日期 {layer['edition_date']}", f"dated {layer['edition_date']}")
                        if layer["edition_date"]
                        else Text("未注明日期", "undated"),
                    ]
                )
            ],
        )
        for layer in found["layers"]
    ]
    rules = found["rulebook"]
    facts = [
        [pair(Text("核查规则", "Rulebook")), pair(both(rules["edition"]))],
        [pair(Text("程序", "Engine")), pair(both(found["engine"]))],
        [pair(Text("坐标系", "CRS")), pair(both(record["parcel"]["crs"]))],
        [pair(Text("椭球面积", "Ellipsoidal area")), pair(square_metres(record["parcel"]["ellipsoidal_area_m2"]))],
        [pair(Text("校验码", "Digest")), pair(both(found["digest"]))],
    ]
    return section("provenance", items, count=len(items), facts=facts, layout="quiet")
