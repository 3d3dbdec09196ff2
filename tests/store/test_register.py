"""The register: rows replace by key, history only grows, readers see one moment."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from geo_service.errors import NotFound
from geo_service.model.register import Claim, ClaimKind, IndicatorValue, ParcelFacts, Reach
from geo_service.store.workspace import Workspace

CLAIM = Claim(
    "P1",
    "WATER",
    ClaimKind.PERMANENT,
    Reach.TO_BOUNDARY,
    "水证〔2026〕8号",
    "供水公司",
    date(2026, 10, 8),
    valid_to=date(2027, 10, 7),
    funded=None,
    due_on=None,
    capacity=500.0,
    remark="=1+1",
)
PLANNED = Claim(
    "P1",
    "GAS",
    ClaimKind.PERMANENT,
    Reach.PLANNED,
    "燃计〔2026〕1号",
    "燃气公司",
    date(2026, 9, 1),
    funded=True,
    due_on=date(2027, 3, 1),
)
FACTS = ParcelFacts(
    "P1",
    "通用设备制造",
    "拟供",
    date(2026, 12, 1),
    date(2027, 4, 1),
    204366.64,
    (("WATER", 300.0), ("POWER", 1000.5)),
)
INTENSITY = IndicatorValue("P1", "fixed_investment_intensity", 350.0, "万元/亩", "规条〔2026〕5号")
UNSET = IndicatorValue("P1", "tax_per_mu", None, "万元/亩·年")


@pytest.fixture
def register(workspace):
    return workspace.register


def test_what_was_put_comes_back_after_reopening(workspace):
    changes = workspace.register.put([CLAIM, PLANNED], [FACTS], [INTENSITY, UNSET])
    assert (changes.added, changes.replaced) == (5, 0)
    again = Workspace.open(workspace.directory).register
    assert again.claims_of("P1") == (PLANNED, CLAIM)
    assert again.facts_of("P1") == FACTS
    assert again.indicators_of("P1") == (INTENSITY, UNSET)
    assert again.all_claims() == {"P1": (PLANNED, CLAIM)}
    assert again.all_facts() == {"P1": FACTS}
    assert again.all_indicators() == {"P1": (INTENSITY, UNSET)}
    assert isinstance(again.claims_of("P1")[0].kind, ClaimKind)


def test_nothing_is_known_of_an_unknown_parcel(register):
    assert register.claims_of("P9") == ()
    assert register.facts_of("P9") is None
    assert register.indicators_of("P9") == ()
    assert register.all_claims() == {}


def test_the_same_document_replaces_and_another_stands_beside(register):
    register.put([CLAIM])
    renewed = replace(CLAIM, dated_on=date(2026, 11, 8), capacity=None)
    second = replace(CLAIM, document="水证〔2026〕9号")
    changes = register.put([renewed, second])
    assert (changes.added, changes.replaced) == (1, 1)
    assert register.claims_of("P1") == (renewed, second)


def test_facts_are_replaced_whole_and_an_indicator_by_its_newest_document(register):
    register.put(facts=[FACTS], indicators=[INTENSITY])
    register.put(
        facts=[ParcelFacts("P1", stage="已公告")], indicators=[replace(INTENSITY, value=299.99, document="新")]
    )
    assert register.facts_of("P1") == ParcelFacts("P1", stage="已公告")
    assert register.indicators_of("P1") == (replace(INTENSITY, value=299.99, document="新"),)


def test_the_order_of_import_does_not_show(tmp_path):
    one, two = Workspace.create(tmp_path / "1").register, Workspace.create(tmp_path / "2").register
    one.put([CLAIM, PLANNED])
    two.put([PLANNED])
    two.put([CLAIM])
    assert one.claims_of("P1") == two.claims_of("P1")


def test_an_import_that_fails_in_the_middle_leaves_nothing(register):
    bad = replace(CLAIM, parcel_id="P2", issuer=None)
    with pytest.raises(Exception, match="NOT NULL"):
        register.put([CLAIM, bad], source="台账.xlsx")
    assert register.all_claims() == {}
    assert register.audit() == ()


def test_hostile_text_is_only_text(register):
    id_ = "P1'; DROP TABLE claims;--"
    register.put([replace(CLAIM, parcel_id=id_, document='"); DELETE FROM audit;--')])
    assert register.claims_of(id_)[0].parcel_id == id_
    assert register.claims_of("' OR 1=1 --") == ()
    assert len(register.audit()) == 1


def test_every_change_leaves_a_line_of_audit(workspace, make_features, make_report):
    at = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
    register = workspace.register
    register.put([CLAIM], source="台账.xlsx", input_sha256="ab" * 32, at=at)
    edition = workspace.publish(make_features(), make_report(), at=at)
    workspace.withdraw("parcels")
    register.note("package.forced", "P1")
    assert [(row.action, row.object, row.at) for row in register.audit()] == [
        ("register.put", "台账.xlsx", at),
        ("edition.publish", edition.name, at),
        ("edition.withdraw", edition.name, None),
        ("package.forced", "P1", None),
    ]
    assert register.audit()[0].input_sha256 == "ab" * 32


def test_verdicts_are_kept_as_they_were_answered(register):
    record = '{"parcel":{"id":"P1","name":"示例"}}'.encode()
    first = register.append_verdict("P1", date(2026, 12, 1), "d1", "conditional", record)
    register.append_verdict("P1", date(2026, 12, 1), "d2", "not_ready", b"{}")
    register.append_verdict("P2", date(2026, 12, 1), "d1", "ready", b"{}")
    rows = register.verdicts_of("P1")
    assert [(row.status, row.digest) for row in rows] == [("conditional", "d1"), ("not_ready", "d2")]
    assert rows[0] == first
    assert rows[0].record == record


def test_a_verdict_asked_for_again_is_not_kept_twice(register):
    day = date(2026, 12, 1)
    for digest in ("d1", "d1", "d2", "d1"):
        register.append_verdict("P1", day, digest, "ready", b"{}")
    register.append_verdict("P1", date(2027, 1, 1), "d1", "ready", b"{}")
    assert [row.digest for row in register.verdicts_of("P1")] == ["d1", "d2", "d1", "d1"]


def test_many_verdicts_go_in_at_once(register):
    rows = register.append_verdicts((f"P{n}", date(2026, 12, 1), "d", "ready", b"{}") for n in range(500))
    assert len(rows) == 500
    assert [row.seq for row in rows] == sorted(row.seq for row in rows)


@pytest.mark.parametrize("table", ["verdict_history", "audit"])
@pytest.mark.parametrize("change", ["UPDATE {} SET seq = seq + 1", "DELETE FROM {}"])
def test_history_cannot_be_rewritten(workspace, table, change):
    workspace.register.append_verdict("P1", date(2026, 12, 1), "d1", "ready", b"{}")
    workspace.register.note("a", "b")
    connection = sqlite3.connect(workspace.directory / "register.sqlite")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(change.format(table))
    connection.close()


def test_the_connections_are_set_up_as_promised(workspace):
    database = workspace.register._database
    for entered, query_only in ((database.reading, 1), (database.writing, 0)):
        with entered() as connection:

            def pragma(name: str) -> object:
                return connection.exec_driver_sql(f"PRAGMA {name}").scalar()

            assert pragma("journal_mode") == "wal"
            assert pragma("synchronous") == 2
            assert pragma("foreign_keys") == 1
            assert pragma("trusted_schema") == 0
            assert pragma("busy_timeout") == 5000
            assert pragma("query_only") == query_only


def test_readers_read_during_a_write_and_see_the_moment_before(workspace):
    register = workspace.register
    register.put([CLAIM])
    with register._database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM claims")
        assert register.claims_of("P1") == (CLAIM,)
    assert register.claims_of("P1") == ()


def test_writers_in_threads_and_processes_take_turns(workspace):
    program = textwrap.dedent(
        f"""
        from pathlib import Path
        from geo_service.store.workspace import Workspace
        register = Workspace.open(Path({str(workspace.directory)!r})).register
        for n in range(20):
            register.note("child", str(n))
        """
    )
    children = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]

    def write(name: str) -> None:
        for n in range(20):
            workspace.register.note(name, str(n))

    threads = [threading.Thread(target=write, args=(f"thread {n}",)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [child.wait(60) for child in children] == [0, 0]
    rows = workspace.register.audit()
    assert len(rows) == 80
    assert [row.seq for row in rows] == list(range(1, 81))


def test_an_unknown_edition_is_not_found(register):
    with pytest.raises(NotFound, match="there is no edition"):
        register.edition("parcels@000000000000")
