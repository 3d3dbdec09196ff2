"""Processes that divide from one: each by itself, gone with whoever asked, replaced with what they come from."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from geo_service import worker as asking
from geo_service.checking.process import EXAMINERS, Examiners
from geo_service.nursery import HEAD, Child, Nursery
from geo_service.worker import Worker
from tests.processes import AT_ONCE_S, gone

LIMIT_S = 600.0


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    found = Nursery("geo_service.checking.child")
    yield found
    found.close()


def test_children_are_processes_of_their_own(nursery):
    first, second = nursery.child(LIMIT_S), nursery.child(LIMIT_S)
    assert len({first.pid, second.pid, os.getpid()}) == 3
    first.kill()
    assert gone(first.pid)
    assert Path(f"/proc/{second.pid}").exists()
    first.close()
    second.close()
    assert gone(second.pid)


def test_a_child_ends_with_the_line_to_it(nursery):
    child = nursery.child(LIMIT_S)
    child.line.close()
    assert gone(child.pid)


def test_a_child_is_ended_by_its_own_handle_and_never_another_of_its_id(nursery):
    child = nursery.child(LIMIT_S)
    os.kill(child.pid, signal.SIGKILL)
    assert gone(child.pid)
    with subprocess.Popen(["sleep", "60"]) as other:
        child.pid = other.pid
        child.kill()
        child.close()
        child.close()
        child.kill()
        assert other.poll() is None
        other.kill()


def test_a_key_that_stops_the_program_does_not_stop_a_child(nursery):
    child = nursery.child(LIMIT_S)
    os.kill(child.pid, signal.SIGINT)
    time.sleep(0.2)
    assert Path(f"/proc/{child.pid}").exists()
    child.close()
    assert gone(child.pid)


def test_children_outlive_what_they_come_from(nursery):
    child = nursery.child(LIMIT_S)
    nursery.close()
    assert Path(f"/proc/{child.pid}").exists()
    with pytest.raises(OSError):
        nursery.child(LIMIT_S)
    child.close()
    assert gone(child.pid)


def test_a_module_that_does_not_run_is_told_at_once():
    nursery = Nursery("geo_service.no_such_module")
    with pytest.raises(OSError):
        nursery.child(LIMIT_S)
    nursery.close()


def test_workers_come_from_another_where_the_first_is_gone():
    workers = Examiners()
    before = workers.prepare()
    before._process.kill()
    before._process.wait()
    worker = workers.another()
    assert isinstance(worker, Worker)
    assert worker.fit()
    assert workers.prepare() is not before
    worker.close()
    assert not worker.fit()
    workers.close()


def test_after_a_fork_nobody_takes_the_workers_of_the_other():
    with EXAMINERS.borrowed() as worker:
        theirs = worker.pid
    read, write = os.pipe()
    if os.fork() == 0:
        with EXAMINERS.borrowed() as own:
            os.write(write, str(own.pid).encode())
        os._exit(0)
    os.close(write)
    assert int(os.read(read, 32)) != theirs
    os.close(read)
    os.wait()
    assert theirs in EXAMINERS.idle()


def test_a_child_has_no_network(nursery):
    ways = (["unshare", "--net", "true"], ["unshare", "--user", "--net", "true"])
    allowed = any(subprocess.run(way, check=False, capture_output=True).returncode == 0 for way in ways)
    child = nursery.child(LIMIT_S)
    ours, theirs = (os.readlink(f"/proc/{pid}/ns/net") for pid in ("self", child.pid))
    assert (ours != theirs) is allowed
    child.close()


class Odd:
    """Where processes come from that were broken by what they read: one tells a part of an answer, and then more."""

    module = "geo_service.odd"

    def __init__(self, says: Callable[[socket.socket], None]) -> None:
        self.says = says

    def child(self, limit_s: float) -> Child:
        ours, theirs = socket.socketpair()
        if os.fork() == 0:
            ours.close()
            socket.send_fds(theirs, [str(os.getpid()).encode()], [os.pidfd_open(os.getpid())])
            try:
                self.says(theirs)
            finally:
                os._exit(0)
        theirs.close()
        return Child(ours, limit_s)


def drips(line: socket.socket) -> None:
    line.sendall(HEAD.pack(1 << 60))
    while True:
        line.sendall(b"x")
        time.sleep(0.005)


def takes_nothing(line: socket.socket) -> None:
    time.sleep(60)


def breaks_off(line: socket.socket) -> None:
    line.sendall(HEAD.pack(100) + b"half")


@pytest.mark.parametrize(("says", "overruns"), [(drips, True), (takes_nothing, True), (breaks_off, False)])
def test_whatever_a_broken_process_says_nobody_waits_for_ever(says, overruns):
    worker = Worker(Odd(says))
    began = time.monotonic()
    # More than fits into the line, for a process that takes nothing.
    reply = worker.ask(b"x" * 10_000_000 if says is takes_nothing else b"job", 0.3)
    assert time.monotonic() - began < AT_ONCE_S
    assert reply.answer is None and reply.overran is overruns
    assert not worker.fit()
    os.waitpid(worker.pid, 0)
    worker.close()


@pytest.fixture
def deaf(monkeypatch) -> Iterator[Worker]:
    monkeypatch.setattr(asking, "ALONE_S", 0.2)
    # Only what is computed counts, however crowded the machine is.
    monkeypatch.setattr(asking, "WALL", 1e6)
    nursery = Nursery("tests.deaf")
    worker = Worker(nursery)
    yield worker
    worker.close()
    nursery.close()


def test_a_process_that_is_left_alone_and_hears_nothing_ends_by_itself(deaf, monkeypatch):
    assert deaf.ask(pickle.dumps((0.0, None)), 0.5).answer is not None
    with monkeypatch.context() as killed:
        # Whoever is killed ends nobody any more; the end of its line closes.
        killed.setattr(Child, "kill", lambda child: child.line.close())
        assert deaf.ask(None, 0.5).overran
    assert gone(deaf.pid)


def test_a_process_may_compute_for_so_long_before_each_answer(deaf):
    pieces = (0.1, 1.2, 1.2)
    assert deaf.ask(pickle.dumps(pieces), 0.3, 1.3).answer is not None
    for _ in pieces[1:]:
        answer = deaf.ask(None, 600.0).answer
        assert answer is not None
    assert pickle.loads(answer) >= sum(pieces)
