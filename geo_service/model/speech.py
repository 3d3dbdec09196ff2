"""From an outcome to what is said of it: message, owner, stage, clause, what is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from string import Formatter

from geo_service.kept import Kept
from geo_service.model.enums import NoDataReason, Outcome, Severity, Stage
from geo_service.model.finding import Concern, Condition
from geo_service.model.labels import REASONS
from geo_service.model.rulebook import Rulebook, Version, Words
from geo_service.model.text import Text
from geo_service.model.units import area_text, share_text

DASH = Text("—", "—")
# No feature's id among them: texts go to bidders as they are, whatever the secrecy of the layer that was read.
PLACEHOLDERS = frozenset(
    (
        "title code share covered uncovered unsurveyed touched touched_share noise noise_width classes reason "
        "report_no approved_by valid_to window_end days_left types project_type document distance limit search claim "
        "permanent_on due_on handover_on capacity demand unit value standard comparator cut fill level_share tolerance "
        "slope design land_use found use"
    ).split()
)


#: What fills a gap in a sentence. A number that few sentences tell is written when one of them does.
Said = str | Text | Callable[[], str | Text]
#: So many sayings are kept: several times what a rulebook has.
SAYINGS = 10_000


class _Saying:
    """What a rule says of an outcome: what differs from parcel to parcel is left open."""

    def __init__(self, words: Words, known: Mapping[str, Text | None], of: tuple[object, ...]) -> None:
        self.stage = words.stage
        # While they are here, nothing else has the identities by which this is found.
        self._of = of
        self._names: list[str] = []
        self._texts: list[Text | None] = []
        self._open: list[tuple[int, Text]] = []
        #: What was concluded in these words where nothing is left open and nothing is added to them.
        self.concerns: dict[Severity, Concern] = {}
        zh = {name: text.zh for name, text in known.items() if text is not None}
        en = {name: text.en for name, text in known.items() if text is not None}
        for place, text in enumerate((words.message, words.clause, words.needed)):
            if text is None:
                self._texts.append(None)
                continue
            left = Text(_partly(text.zh, zh, self._names), _partly(text.en, en, self._names))
            if _has_gaps(left.zh) or _has_gaps(left.en):
                self._open.append((place, left))
                self._texts.append(None)
            else:
                self._texts.append(Text(left.zh.format(), left.en.format()))
        self.is_whole = not self._open

    def told(self, values: Mapping[str, Said]) -> list[Text | None]:
        """Return message, clause and what is needed; what was not measured is written as a dash."""
        if self.is_whole:
            return self._texts
        said = [values.get(name, DASH) for name in self._names]
        texts = [one() if callable(one) else one for one in said]
        zh = [text if isinstance(text, str) else text.zh for text in texts]
        en = [text if isinstance(text, str) else text.en for text in texts]
        told = self._texts.copy()
        for place, text in self._open:
            told[place] = Text(text.zh.format(*zh), text.en.format(*en))
        return told


_SAYINGS: Kept[tuple[object, ...], _Saying] = Kept(SAYINGS)


def _saying(
    rulebook: Rulebook,
    kind: str,
    key: str,
    special: str | None,
    reason: NoDataReason | None,
    version: Version,
    own: tuple[Mapping[str, Words], ...] = (),
    title: Text | None = None,
    code: str | None = None,
) -> _Saying:
    """Return what is said under a key, and before that under a special one; a rulebook is asked once."""
    of = (rulebook, title, version, *own)
    asked = (kind, key, special, reason, code, *map(id, of))
    found = _SAYINGS.get(asked)
    if found is None:
        words = rulebook.say(kind, key, *own, version.words)
        if special is not None:
            words = rulebook.say(kind, special, *own, version.words).over(words)
        known = {
            "title": title,
            "code": None if code is None else Text(code, code),
            "reason": None if reason is None else REASONS[reason],
        }
        found = _Saying(words, known, of)
        _SAYINGS.put(asked, found, 1)
    return found


def _partly(sentence: str, known: Mapping[str, str], names: list[str]) -> str:
    """Fill what is known; other gaps are numbered, and what belongs there is added to the names."""
    pieces = []
    for literal, name, form, conversion in Formatter().parse(sentence):
        pieces.append(_literal(literal))
        if name is None:
            continue
        rest = f"{f'!{conversion}' if conversion else ''}{f':{form}' if form else ''}}}"
        if name in known:
            pieces.append(_literal(f"{{{rest}".format(known[name])))
        else:
            if name not in names:
                names.append(name)
            pieces.append(f"{{{names.index(name)}{rest}")
    return "".join(pieces)


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _has_gaps(sentence: str) -> bool:
    return any(name is not None for _, name, _, _ in Formatter().parse(sentence))


def area_values(
    area_m2: float, covered_m2: float, uncovered_m2: float, unsurveyed_m2: float, noise_m2: float, width_m: float
) -> dict[str, Said]:
    """Measured areas for the templates."""

    def share() -> str:
        return share_text(covered_m2 / area_m2 if area_m2 else 0.0, area_m2 - covered_m2)

    def covered() -> str:
        return area_text(covered_m2)

    return {
        "share": share,
        "covered": covered,
        "uncovered": partial(area_text, uncovered_m2),
        "unsurveyed": partial(area_text, unsurveyed_m2),
        "touched": covered,
        "touched_share": share,
        "noise": partial(area_text, noise_m2),
        "noise_width": lambda: f"{width_m:.2f}m",
    }


def concern(
    rulebook: Rulebook,
    kind: str,
    code: str,
    title: Text,
    version: Version,
    outcome: Outcome,
    severity: Severity,
    values: Mapping[str, Said],
    *,
    own: tuple[Mapping[str, Words], ...] = (),
    key: str | None = None,
    reason: NoDataReason | None = None,
    assured: bool = False,
    conditions: tuple[Condition, ...] = (),
    remark: Text | None = None,
) -> Concern:
    """Say an outcome in the rule's words.

    Parameters
    ----------
    own : tuple of mappings
        Words before the rule's own, e.g. those of the class that is touched.
    key : str, optional
        Words under another key than the outcome, where it has any; else the reason's own words, where there are any.
    remark : Text, optional
        Added to the message, e.g. noise that was left out.
    """
    special = key if key is not None or reason is None else reason
    saying = _saying(rulebook, kind, outcome, special, reason, version, own, title, code)
    whole = saying.is_whole and remark is None and not assured and not conditions
    if whole and severity in saying.concerns:
        return saying.concerns[severity]
    message, clause, needed = saying.told(values)
    if message is None:
        message = Text(f"{title.zh}：{outcome.value}", f"{title.en}: {outcome.value}")
    found = Concern(
        code=code,
        outcome=outcome,
        severity=severity,
        reason=reason,
        message=message if remark is None else message + remark,
        owner=version.owner,
        stage=saying.stage,
        clause=clause,
        needed=needed,
        assured=assured,
        conditions=conditions,
    )
    if whole:
        saying.concerns[severity] = found
    return found


def condition(
    rulebook: Rulebook, kind: str, key: str, title: Text, version: Version, values: Mapping[str, Said]
) -> Condition:
    """Say a condition that comes with an outcome, e.g. ``ends_in_window``."""
    saying = _saying(rulebook, kind, key, None, None, version, title=title)
    message, clause, _ = saying.told(values)
    clause = clause or DASH
    return Condition(
        stage=saying.stage or Stage.IN_NOTICE,
        owner=version.owner,
        message=message or clause,
        clause=clause,
    )


def remark(rulebook: Rulebook, kind: str, key: str, version: Version, values: Mapping[str, Said]) -> Text | None:
    """Say a remark that is added to a message, ``None`` where the rulebook has no words for it."""
    message = _saying(rulebook, kind, key, None, None, version).told(values)[0]
    return None if message is None else Text("；" + message.zh, "; " + message.en)
