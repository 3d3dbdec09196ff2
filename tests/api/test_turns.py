"""Checks at once: as many as there are processors for, and one more beside each that takes long."""

from __future__ import annotations

import asyncio
import random

import pytest

from geo_service.api import turns
from geo_service.api.turns import Turns


async def held(line: Turns, log: list[str], name: str, until: asyncio.Event) -> None:
    await line.places.acquire()
    with line.taken():
        log.append(name)
        await until.wait()
    log.append(f"{name} done")


async def settled(times: int = 20) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


def test_who_takes_long_makes_room_for_one_and_no_more(monkeypatch):
    monkeypatch.setattr(turns, "LONG_S", 0.0)

    async def play() -> list[str]:
        line, log = Turns(at_once=1, most=2), []
        ends = {name: asyncio.Event() for name in "abcd"}
        tasks = [asyncio.create_task(held(line, log, name, end)) for name, end in ends.items()]
        await asyncio.sleep(0.05)
        assert log == ["a", "b"]
        ends["b"].set()
        await asyncio.sleep(0.05)
        assert log == ["a", "b", "b done", "c"]
        for end in ends.values():
            end.set()
        await asyncio.gather(*tasks)
        # Everything is free again: two who take long are in at once, as at the beginning.
        assert not line.places.locked()
        return log

    assert set(asyncio.run(play())) == {f"{name}{said}" for name in "abcd" for said in ("", " done")}


def test_who_is_quick_makes_no_room():
    async def play() -> None:
        line, log = Turns(at_once=1, most=2), []
        ends = {name: asyncio.Event() for name in "ab"}
        tasks = [asyncio.create_task(held(line, log, name, end)) for name, end in ends.items()]
        await settled()
        assert log == ["a"]
        ends["a"].set()
        await settled()
        assert log == ["a", "a done", "b"]
        ends["b"].set()
        await asyncio.gather(*tasks)

    asyncio.run(play())


@pytest.mark.parametrize(("at_once", "most"), [(0, 0), (1, 1), (1, 2), (2, 2), (2, 5)])
def test_however_long_they_take_never_more_are_in_than_may_be(at_once, most, monkeypatch):
    monkeypatch.setattr(turns, "LONG_S", 0.002)
    chance = random.Random(f"{at_once} {most}")

    async def one(line: Turns, seen: list[int], inside: set[int], number: int) -> None:
        await line.places.acquire()
        with line.taken():
            inside.add(number)
            seen.append(len(inside))
            try:
                await asyncio.sleep(chance.choice([0.0, 0.001, 0.004]))
                if chance.random() < 0.2:
                    raise RuntimeError
            finally:
                inside.discard(number)

    async def play() -> list[int]:
        line, seen, inside = Turns(at_once, most), [], set()
        jobs = [asyncio.create_task(one(line, seen, inside, number)) for number in range(60)]
        if not at_once:
            await asyncio.sleep(0.02)
            for job in jobs:
                job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        return seen

    seen = asyncio.run(play())
    assert max(seen, default=0) <= most
    assert len(seen) == (60 if at_once else 0)
