"""Starting, timing and asking the processes of a benchmark."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import httpx

#: From here modules are found, whatever folder the benchmark was started in.
CHECKOUT = Path(__file__).resolve().parent.parent
SAMPLE_S = 0.01
#: How long a server may take to start.
PATIENCE_S = 600.0


class Failed(Exception):
    """A process of the benchmark ended badly; its last words are in the message."""


def command(module: str, *arguments: object) -> list[str]:
    """Return how a module is run with the Python that runs this."""
    return [sys.executable, "-m", module, *map(str, arguments)]


def run(words: Sequence[str], environment: dict[str, str] | None = None) -> float:
    """Run a command to its end and return the seconds from its start, the process's own start included.

    Raises
    ------
    Failed
        When it does not end well.
    """
    with tempfile.TemporaryFile("w+") as said:
        began = time.perf_counter()
        ended = subprocess.run(
            words, cwd=CHECKOUT, env={**os.environ, **(environment or {})}, stdout=said, stderr=said, check=False
        )
        seconds = time.perf_counter() - began
        if ended.returncode:
            said.seek(0)
            raise Failed(f"{' '.join(words)}\n{said.read()[-2_000:]}")
    return seconds


def peak_bytes(words: Sequence[str]) -> int:
    """Run a command and return the most memory that it and its children held together.

    Every process's own high-water mark counts, so that nothing is missed between two looks.
    """
    import psutil

    highest: dict[int, int] = {}
    with subprocess.Popen(words, cwd=CHECKOUT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                for one in [watched, *watched.children(recursive=True)]:
                    text = Path(f"/proc/{one.pid}/status").read_text()
                    marks = [line.split()[1] for line in text.splitlines() if line.startswith("VmHWM:")]
                    if marks:
                        highest[one.pid] = max(highest.get(one.pid, 0), int(marks[0]) * 1024)
            except (psutil.Error, OSError):
                continue
            time.sleep(SAMPLE_S)
    if process.returncode:
        raise Failed(" ".join(words))
    return sum(highest.values())


@contextmanager
def serving(words: Sequence[str], ready: str) -> Iterator[str]:
    """Run a server on a free port of the loopback; lends its address once it answers at ``ready``.

    Raises
    ------
    Failed
        When it ends before that, or takes too long.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(
        [*words, "--port", str(port)], cwd=CHECKOUT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        address = f"http://127.0.0.1:{port}"
        try:
            end = time.monotonic() + PATIENCE_S
            while not _answers(address + ready):
                if process.poll() is not None or time.monotonic() > end:
                    raise Failed(f"the server did not start: {' '.join(words)}")
                time.sleep(0.1)
            yield address
        finally:
            process.terminate()


def told(lines: Sequence[str], out: Path | None, *, met: bool) -> int:
    """Print what was found and whether every bar is met, keep it in a file where one is named, return the exit code."""
    text = "\n".join([*lines, "met" if met else "MISSED"]) + "\n"
    sys.stdout.write(text)
    if out is not None:
        out.write_text(text, encoding="utf-8")
    return 0 if met else 1


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False


class Resident:
    """A process that has loaded everything and does its work when it is asked; a context manager."""

    def __init__(self, words: Sequence[str], environment: dict[str, str] | None = None) -> None:
        self.words, self.environment = words, {**os.environ, **(environment or {})}

    def __enter__(self) -> Resident:
        """Start it and wait until it has loaded."""
        self.process = subprocess.Popen(
            self.words, cwd=CHECKOUT, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._answer()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        if self.process.stdin:
            self.process.stdin.close()
        self.process.wait(60)

    def go(self) -> float:
        """Do the work once and return its seconds."""
        return float(self._ask("go")["seconds"])

    def save(self, file: Path) -> None:
        """Write down what was found last."""
        self._ask(f"save {file}")

    def _ask(self, words: str) -> dict[str, float]:
        assert self.process.stdin
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, float]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise Failed(" ".join(self.words))
        words: dict[str, float] = json.loads(line)
        return words
