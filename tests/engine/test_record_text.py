"""A record has the bytes that RFC 8785 gives to its values, whatever was concluded and however things are called."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
import rfc8785
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry.base import BaseGeometry

from geo_service.export.record import content, digest_of, written
from geo_service.model.finding import (
    AssessmentFinding,
    ConstraintFinding,
    IndicatorFinding,
    LayerRead,
    LevelFinding,
    Reason,
    ServiceFinding,
    Verdict,
    ZoneRead,
)
from geo_service.model.parcel import Parcel
from tests import world

PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    # What ends the object that follows, what a template would fill, what has to be escaped, what two orders sort apart.
    str: st.one_of(st.text(), st.sampled_from(['"provenance":{', "{title}", "%s", '\\"', "\u2028", "\x00", "😀"])),
    float: st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 1e-7, 1e15 + 0.5, 1e21]),
    int: st.integers(-(2**53) + 1, 2**53 - 1),
    bool: st.booleans(),
    NoneType: st.none(),
    date: st.dates(),
    BaseGeometry: st.just(shapely.Point(0, 0)),
}


@cache
def anything(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type as it is declared, all that it holds included."""
    if kind in PLAIN:
        return PLAIN[kind]
    if get_origin(kind) in (Union, UnionType):
        return st.one_of([anything(one) for one in get_args(kind)])
    if get_origin(kind) is tuple:
        inner = get_args(kind)
        if inner[-1] is Ellipsis:
            return st.lists(anything(inner[0]), max_size=2).map(tuple)
        return st.tuples(*map(anything, inner))
    if issubclass(kind, StrEnum):
        return st.sampled_from(list(kind))
    fields = {name: hint for name, hint in get_type_hints(kind).items() if name in kind.__annotations__}
    return st.builds(kind, **{name: anything(hint) for name, hint in fields.items()})


@cache
def ready() -> Verdict:
    """The verdict of a parcel that nothing stands in the way of."""
    return world.ready_world().verdict()


def verdicts() -> st.SearchStrategy[Verdict]:
    """A verdict of which one part is anything."""
    bare = replace(ready(), assessments=(), constraints=(), indicators=(), layers=())
    ready_now, decided = bare.readiness, bare.decision
    some: dict[Any, Any] = {
        AssessmentFinding: lambda one: {"assessments": (one, one)},
        ConstraintFinding: lambda one: {"constraints": (one,)},
        IndicatorFinding: lambda one: {"indicators": (one,)},
        ServiceFinding: lambda one: {"readiness": replace(ready_now, services=(one,))},
        LevelFinding: lambda one: {"readiness": replace(ready_now, level=one)},
        Reason: lambda one: {"decision": replace(decided, reasons=(one, one))},
        LayerRead: lambda one: {"layers": (one,)},
        Parcel: lambda one: {"parcel": one},
        ZoneRead: lambda one: {"zone": one},
        date: lambda one: {"valid_until": one, "zone": None},
        float: lambda one: {"area_m2": one, "readiness": replace(ready_now, met=None)},
    }
    return st.one_of([anything(kind).map(lambda one, put=put: replace(bare, **put(one))) for kind, put in some.items()])


@given(verdicts())
def test_a_record_has_the_bytes_of_its_values(verdict: Verdict) -> None:
    body, there = written(verdict)
    assert there == rfc8785.dumps(body) == content(verdict)
    assert body["provenance"]["digest"] == digest_of(body)


@pytest.mark.parametrize("area_m2", [float("nan"), float("inf")])
def test_an_area_that_is_no_number_has_no_record(area_m2: float) -> None:
    with pytest.raises(ValueError, match="not representable"):
        content(replace(ready(), area_m2=area_m2))


def test_a_name_that_no_file_can_hold_has_no_record() -> None:
    with pytest.raises(ValueError, match="codepoint"):
        content(replace(ready(), parcel=replace(ready().parcel, name="\ud800")))
