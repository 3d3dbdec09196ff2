"""What was concluded is kept packed, within bounds, and says the same however often it is asked for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from geo_service import snapshot
from geo_service.export.geojson import parcel_properties
from geo_service.export.profile import Profile
from geo_service.export.record import record_bytes
from geo_service.kept import Kept
from geo_service.model.parcel import AsOf
from geo_service.service import Service
from geo_service.snapshot import Snapshot
from tests.api.serving import AS_OF

ASKED = AsOf(None, AS_OF)


def body(kept: Snapshot, one: str, asked: AsOf = ASKED) -> bytes:
    """Return the canonical bytes of a parcel's record."""
    return kept.body(kept.written(one, asked))


@pytest.fixture
def forgetful(workspace, monkeypatch):
    """A service that holds one verdict at a time unpacked."""
    monkeypatch.setattr(snapshot, "UNPACKED", 1)
    return Service(workspace, lambda: AS_OF)


def test_what_was_packed_says_the_same(forgetful, service):
    kept = forgetful.snapshot()
    first = {one: kept.conclusion(one, ASKED) for one in kept.parcels}
    for one, (verdict, record) in first.items():
        again, same = kept.conclusion(one, ASKED)
        assert same == record and list(same) == list(record)
        assert record_bytes(same) == record_bytes(record) == body(service.snapshot(), one)
        assert again.geometry.equals_exact(verdict.geometry, 0.0)
        summary = kept.summary(one, ASKED)
        assert summary.properties == parcel_properties(record)
        assert kept.place(one, ASKED).equals_exact(service.snapshot().place(one, ASKED), 0.0)
    assert forgetful.zone_map(None, single_file=False) == service.zone_map(None, single_file=False)
    assert forgetful.package(["P"], None, Profile.INTERNAL, forced=True) == service.package(
        ["P"], None, Profile.INTERNAL, forced=True
    )


def test_nothing_is_examined_twice(workspace, monkeypatch):
    examined = []
    real = snapshot.examine

    def counted(parcels, *arguments, **options):
        parcels = list(parcels)
        examined.extend(parcel.id for parcel in parcels)
        return real(parcels, *arguments, **options)

    monkeypatch.setattr(snapshot, "examine", counted)
    monkeypatch.setattr(snapshot, "UNPACKED", 1)
    service = Service(workspace, lambda: AS_OF)
    for _ in range(2):
        service.zone_map(None, single_file=False)
        service.parcel_map("P", None, single_file=False)
        for one in service.parcels:
            body(service.snapshot(), one)
            service.snapshot().summary(one, ASKED)
            service.verdict(one)
    assert sorted(examined) == sorted(service.parcels)


def test_memory_is_bounded_by_bytes(workspace, monkeypatch):
    monkeypatch.setattr(snapshot, "PACKED_BYTES", 200_000)
    monkeypatch.setattr(snapshot, "SUMMARIES", 3)
    kept = Service(workspace, lambda: AS_OF).snapshot()
    for days in range(15):
        asked = AsOf(AS_OF + timedelta(days=days), AS_OF)
        assert body(kept, "P", asked)
        assert kept.summary("P", asked).properties["as_of"] == asked.chosen.isoformat()
    assert 0 < kept._entries.size <= 200_000
    assert kept._summaries.size == 3


def test_the_newest_stays_whatever_it_takes():
    kept = Kept[str, bytes](3)
    kept.put("a", b"1234", 4)
    assert kept.get("a") == b"1234"
    kept.put("b", b"1", 1)
    assert (kept.get("a"), kept.get("b"), kept.size) == (None, b"1", 1)
    kept.put("b", b"12", 2)
    assert kept.size == 2
