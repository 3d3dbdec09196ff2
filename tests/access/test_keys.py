"""Keys: shown once, kept as a hash, good until they end or are taken back; guessing is slowed down."""

from __future__ import annotations

import asyncio
import hmac
import sqlite3
import stat
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest

from geo_service.api import access
from geo_service.api.app import create_app
from geo_service.cli import main
from geo_service.errors import InputError, NotFound
from geo_service.model.access import Key, Role
from geo_service.service import Service
from geo_service.store.database import Sqlite
from geo_service.store.workspace import Workspace
from tests.api.serving import AS_OF, running

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def empty(tmp_path):
    return Workspace.create(tmp_path / "ws", as_of=AS_OF)


def test_a_key_is_known_again_and_nowhere_to_be_read(empty):
    written, key = empty.keys.add(Role.PLANNER, {"Z"}, "审批系统", 30, NOW)
    assert written.startswith(f"lb_{key.id}_") and len(written) == 3 + 8 + 1 + 43
    assert empty.keys.shown(written, NOW) == key == empty.keys.key(key.id)
    assert key.caller.zones == {"Z"} and key.expires_at == NOW + timedelta(days=30)
    secret = written[12:]
    for file in empty.directory.rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes(), file.name
    assert secret not in str(empty.register.audit()) and secret not in repr(key)


def test_the_secret_of_a_workspace_is_its_owners_alone_and_needed(empty):
    written, _ = empty.keys.add(Role.VIEWER, None, "", 1, NOW)
    file = empty.directory / "keys.secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again, _ = empty.keys.add(Role.VIEWER, None, "", 1, NOW)
    assert empty.keys.shown(written, NOW) and empty.keys.shown(again, NOW)
    # Who has the register alone can try out nothing.
    file.write_bytes(bytes(32))
    assert empty.keys.shown(written, NOW) is None
    file.unlink()
    assert empty.keys.shown(written, NOW) is None


@pytest.mark.parametrize("place", [0, 3, 11, 12, 54])
def test_a_key_that_differs_in_one_sign_opens_nothing(empty, place):
    written, _ = empty.keys.add(Role.VIEWER, None, "", 1, NOW)
    other = "a" if written[place] != "a" else "b"
    assert empty.keys.shown(written[:place] + other + written[place + 1 :], NOW) is None
    for wrong in ("", written[:-1], written + "a", " " + written, written.upper(), "lb__", "\ud800"):
        assert empty.keys.shown(wrong, NOW) is None


def test_an_id_that_is_not_there_takes_as_much_as_one_that_is(empty, monkeypatch):
    written, _ = empty.keys.add(Role.VIEWER, None, "", 1, NOW)
    compared: list[tuple[int, int]] = []
    real = hmac.compare_digest
    monkeypatch.setattr(
        hmac, "compare_digest", lambda one, other: compared.append((len(one), len(other))) or real(one, other)
    )
    wrong = written[:-1] + ("a" if written[-1] != "a" else "b")
    nobodys = f"lb_{'a' * (written.index('_', 3) - 3)}{written[written.index('_', 3) :]}"
    assert empty.keys.shown(wrong, NOW) is empty.keys.shown(nobodys, NOW) is None
    assert compared == [(64, 64)] * 2


def test_a_key_ends(empty):
    written, key = empty.keys.add(Role.VIEWER, None, "", 1, NOW)
    assert empty.keys.shown(written, key.expires_at - timedelta(seconds=1)) == key
    assert empty.keys.shown(written, key.expires_at) is None
    for days in (0, -1, 367):
        with pytest.raises(InputError):
            empty.keys.add(Role.VIEWER, None, "", days, NOW)


def test_a_key_is_taken_back_for_good(empty):
    written, key = empty.keys.add(Role.VIEWER, None, "", 1, NOW)
    first = empty.keys.revoke(key.id, NOW)
    assert empty.keys.revoke(key.id, NOW + timedelta(hours=1)) == first
    assert empty.keys.shown(written, NOW) is None
    with pytest.raises(NotFound):
        empty.keys.revoke("nokey", NOW)
    assert [row.action for row in empty.register.audit()] == ["key.add", "key.revoke"]
    # Nothing that was read has changed by it.
    assert empty.register.revision() == 0


def test_a_register_from_before_there_were_keys_is_opened(empty):
    empty.register.note("edition.publish", "x")
    file = empty.directory / "register.sqlite"
    with sqlite3.connect(file) as old:
        old.execute("DROP TABLE keys")
        old.execute("ALTER TABLE audit DROP COLUMN actor")
    old.close()
    for _ in range(2):
        again = Workspace.open(empty.directory)
        assert [(row.object, row.actor) for row in again.register.audit()] == [("x", None)]
    assert again.keys.shown(again.keys.add(Role.VIEWER, None, "", 1, NOW)[0], NOW)
    assert Sqlite.open(file)


def test_the_commands(empty, capsys):
    def ran(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main([*arguments, "--workspace", str(empty.directory)])
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out.strip(), said.err

    code, written, notes = ran("keys", "add", "--role", "viewer", "--name", "QGIS", "--days", "9")
    assert code == 0 and written not in notes
    assert empty.keys.shown(written, datetime.now(UTC)).name == "QGIS"
    assert ran("keys", "add", "--role", "king")[0] == 2
    code, _, why = ran("keys", "add", "--role", "viewer", "--zone", "none")
    assert code == 2 and "zone_unknown" in why
    id_ = written.split("_")[1]
    listed = ran("keys", "list")[1]
    assert id_ in listed and "QGIS" in listed and written[12:] not in listed
    assert ran("keys", "revoke", id_)[0] == 0
    assert empty.keys.shown(written, datetime.now(UTC)) is None


@pytest.mark.parametrize(
    "show",
    [
        lambda key: {"Authorization": f"Bearer {key}"},
        lambda key: {"Authorization": f"bearer   {key}"},
        lambda key: {"X-API-Key": key},
    ],
)
def test_a_key_is_shown_in_a_header(guarded, show):
    key = guarded.keys["viewer"]["Authorization"].removeprefix("Bearer ")
    assert guarded.served.get("/parcels", headers=show(key)).status_code == 200


def test_a_key_in_the_address_opens_nothing(guarded):
    key = guarded.keys["viewer"]["Authorization"].removeprefix("Bearer ")
    for name in ("key", "api_key", "apikey", "access_token", "token", "X-API-Key"):
        assert guarded.served.get("/parcels", params={name: key}).status_code == 401


@pytest.mark.parametrize("header", ["Bearer lb_aaaaaaaa_" + "a" * 43, "Basic dXNlcjpwYXNz", "Bearer", "Digest x"])
def test_a_wrong_key_is_said_to_be_wrong(workspace, header):
    service = Service(workspace, lambda: AS_OF)
    with running(create_app(service), service) as served:
        answer = served.get("/parcels", headers={"Authorization": header})
    assert answer.status_code == 401 and answer.json()["code"] == "wrong-key"
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_a_key_that_was_taken_back_is_refused_after_five_seconds_at_the_latest(guarded, monkeypatch):
    passed_s = 0.0
    monkeypatch.setattr(access, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + passed_s))
    key = guarded.key(Role.VIEWER)
    assert guarded.served.get("/parcels", headers=key).status_code == 200
    with httpx.Client(base_url=guarded.served.base, trust_env=False) as browser:
        browser.post("/sign-in", data={"key": key["Authorization"].removeprefix("Bearer ")})
        assert browser.get("/parcels").status_code == 200
        guarded.workspace.keys.revoke(key["Authorization"].split("_")[1], datetime.now(UTC))
        passed_s = 5.0
        assert guarded.served.get("/parcels", headers=key).status_code == 401
        assert browser.get("/parcels").status_code == 401


def test_guessing_is_slowed_down_and_those_who_are_known_go_on(workspace, monkeypatch):
    monkeypatch.setattr(access, "REMEMBERED_S", 0.0)
    service = Service(workspace, lambda: AS_OF)
    known, _ = workspace.keys.add(Role.VIEWER, None, "", 1, datetime.now(UTC))
    late, _ = workspace.keys.add(Role.VIEWER, None, "", 1, datetime.now(UTC))
    with running(create_app(service), service) as served:
        assert served.get("/parcels", headers={"X-API-Key": known}).status_code == 200
        found = [served.get("/parcels", headers={"X-API-Key": f"lb_{n}"}).status_code for n in range(15)]
        assert found == [401] * 10 + [429] * 5
        refused = served.get("/parcels", headers={"X-API-Key": late})
        assert refused.status_code == 429 and 1 <= int(refused.headers["retry-after"]) <= 61
        assert refused.json()["code"] == "too-many-wrong-keys"
        assert served.get("/parcels", headers={"X-API-Key": known}).status_code == 200
        assert served.get("/parcels").status_code == 401


def test_of_many_keys_tried_at_once_no_more_are_looked_up_than_of_as_many_in_turn(workspace, monkeypatch):
    monkeypatch.setattr(access, "REMEMBERED_S", 0.0)
    service = Service(workspace, lambda: AS_OF)
    app = create_app(service)
    known, _ = workspace.keys.add(Role.VIEWER, None, "", 1, datetime.now(UTC))
    look = app.state.access._keys.shown
    wrong: list[str] = []

    def slowly(shown: str, now: datetime) -> Key | None:
        # So many are looked up at a time as would be if the store took its time.
        time.sleep(0.02)
        key = look(shown, now)
        if key is None:
            wrong.append(shown)
        return key

    monkeypatch.setattr(app.state.access, "_keys", SimpleNamespace(shown=slowly))

    async def asked(base: str, keys: list[str]) -> list[int]:
        async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=600) as client:
            answers = await asyncio.gather(*(client.get("/parcels", headers={"X-API-Key": key}) for key in keys))
        return [answer.status_code for answer in answers]

    with running(app, service) as served:
        # A right key that nobody has seen yet is right as often as it is shown at once.
        assert set(asyncio.run(asked(served.base, [known] * 30))) == {200}
        guesses = [f"lb_{number:08}_{'a' * 43}" for number in range(100)]
        found = asyncio.run(asked(served.base, [*guesses[:50], known, *guesses[50:], known]))
        assert found.pop() == 200 and found.pop(50) == 200
        assert sorted(set(found)) == [401, 429] and found.count(401) == app.state.access.policy.guesses == 10
        assert len(wrong) == 10
        assert served.get("/parcels", headers={"X-API-Key": known}).status_code == 200
