"""Sentences say what was measured, whatever stands in the measured texts, and write only what is told."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from geo_service.model.enums import NoDataReason, Outcome, Severity
from geo_service.model.labels import REASONS
from geo_service.model.rulebook import Words
from geo_service.model.speech import DASH, concern
from geo_service.model.text import Text
from tests.world import rulebook

RULE = rulebook().constraints["FARM"]
SILENT = rulebook().model_copy(update={"words": {}})
GAPS = ("title", "code", "classes", "found", "reason", "share")
SENTENCES = st.lists(
    st.one_of(st.sampled_from([f"{{{name}}}" for name in GAPS]), st.sampled_from(["占压", "{{", "}}", "%s", "{{0}}"])),
    min_size=1,
).map("".join)
SAID = st.one_of(st.text(), st.sampled_from(["{title}", "{0}", "{", "}}", "%s"]))
BOTH = st.builds(Text, SAID, SAID)
VALUES = st.dictionaries(st.sampled_from(["classes", "found", "share"]), st.one_of(SAID, BOTH))


@given(
    st.builds(Words, message=st.builds(Text, SENTENCES, SENTENCES), needed=st.builds(Text, SENTENCES, SENTENCES)),
    VALUES,
    st.booleans(),
    st.none() | st.sampled_from(NoDataReason),
    BOTH,
)
def test_every_gap_holds_what_belongs_there(words, values, late, reason, title):
    version = RULE.versions[-1].model_copy(update={"words": {Outcome.AFFECTED.value: words}})
    handed = {name: (lambda said=said: said) if late else said for name, said in values.items()}
    told = concern(
        SILENT,
        "constraint_avoid",
        RULE.code,
        title,
        version,
        Outcome.AFFECTED,
        Severity.BLOCKING,
        handed,
        reason=reason,
    )
    known = {"title": title, "code": RULE.code, **values}
    if reason is not None:
        known["reason"] = REASONS[reason]
    for text, sentence in ((told.message, words.message), (told.needed, words.needed)):
        for tongue in (field.name for field in fields(Text)):
            here = {name: said if isinstance(said, str) else getattr(said, tongue) for name, said in known.items()}
            filled = getattr(sentence, tongue).format_map(defaultdict(lambda: DASH.zh, here))
            assert getattr(text, tongue) == filled
    assert told.clause is None


def test_what_a_sentence_does_not_tell_is_not_written():
    def never() -> str:
        raise AssertionError

    values = dict.fromkeys(("classes", "found", "distance"), never)
    told = concern(
        rulebook(),
        "constraint_avoid",
        RULE.code,
        RULE.title,
        RULE.versions[-1],
        Outcome.CLEAR,
        Severity.BLOCKING,
        values,
    )
    assert told.message.zh.startswith(RULE.title.zh)


def test_the_same_words_are_said_of_each_finding_as_it_is():
    def said(severity, **more):
        version = RULE.versions[-1]
        return concern(
            rulebook(), "constraint_avoid", RULE.code, RULE.title, version, Outcome.CLEAR, severity, {}, **more
        )

    bare = said(Severity.BLOCKING)
    noted = said(Severity.BLOCKING, remark=Text("；按容差忽略 1㎡", "; 1㎡ ignored"))
    milder, again = said(Severity.INFO), said(Severity.BLOCKING)
    assured = said(Severity.BLOCKING, assured=True)
    assert (bare.severity, milder.severity, again) == (Severity.BLOCKING, Severity.INFO, bare)
    assert noted.message == bare.message + Text("；按容差忽略 1㎡", "; 1㎡ ignored")
    assert (bare.assured, assured.assured) == (False, True)
