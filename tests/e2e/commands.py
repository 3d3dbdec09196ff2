"""Run the real command line in a process of its own, as a planner's shell would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_ONE = "from geo_service.cli import main; main()"
# Several commands in one process: each has its own files for stdout and stderr, down to what libraries write in C.
_MANY = """
import json, os, sys, time
from geo_service.cli import main
folder, commands = json.load(sys.stdin)
for number, arguments in enumerate(commands):
    for name, stream in ((f"{number}.out", sys.stdout), (f"{number}.err", sys.stderr)):
        with open(os.path.join(folder, name), "wb") as file:
            os.dup2(file.fileno(), stream.fileno())
    began = time.monotonic()
    try:
        main(arguments)
    except SystemExit as left:
        code = left.code
    sys.stdout.flush()
    sys.stderr.flush()
    with open(os.path.join(folder, f"{number}.json"), "w") as file:
        json.dump([code, time.monotonic() - began], file)
"""


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: bytes
    err: str
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """What stdout says."""
        return self.out.decode()

    @property
    def json(self) -> dict:
        """What stdout holds."""
        return json.loads(self.out)

    @property
    def errors(self) -> list[str]:
        """The lines of stderr that say what is wrong."""
        return [line for line in self.err.splitlines() if line.startswith("错误 error:")]


def _environment() -> dict[str, str]:
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {name: value for name, value in os.environ.items() if name != "GEO_SERVICE_WORKSPACE"} | {
        "PYTHONPATH": paths,
        "PYTHONIOENCODING": "utf-8",
    }


def run(*arguments: str | Path, cwd: Path) -> Ran:
    """Run one command."""
    command = [sys.executable, "-c", _ONE, *map(str, arguments)]
    done = subprocess.run(command, check=False, cwd=cwd, env=_environment(), capture_output=True, timeout=600)
    return Ran(done.returncode, done.stdout, done.stderr.decode())


def run_each(*commands: Sequence[str | Path], cwd: Path) -> list[Ran]:
    """Run commands one after the other in one process, which is faster than a process each."""
    with tempfile.TemporaryDirectory() as folder:
        asked = json.dumps([folder, [[str(part) for part in command] for command in commands]])
        command = [sys.executable, "-c", _MANY]
        subprocess.run(command, check=True, cwd=cwd, env=_environment(), input=asked.encode(), timeout=300)
        found = []
        for number in range(len(commands)):
            code, seconds = json.loads(Path(folder, f"{number}.json").read_text())
            out = Path(folder, f"{number}.out").read_bytes()
            found.append(Ran(code, out, Path(folder, f"{number}.err").read_text(encoding="utf-8"), seconds))
        return found
