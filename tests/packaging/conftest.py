"""The image's first stage, replayed on this machine: one real installation that several tests look at."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.packaging.dockerfile import ROOT, stages

UNREACHABLE = re.compile(r"No matching distribution|NewConnectionError|Failed to establish|Name or service not known")


@dataclass(frozen=True)
class Installation:
    python: Path
    command: Path
    wheel: Path
    elsewhere: Path
    """A folder outside the checkout, to run from."""

    def run(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.elsewhere), "LANG": "C.UTF-8"}
        return subprocess.run(
            [str(self.command), *arguments],
            cwd=cwd or self.elsewhere,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )


def _copy(sources: list[str], target: Path) -> None:
    for source in sources:
        path = ROOT / source
        if path.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", *(["demo"] if source == "layers" else []))
            shutil.copytree(path, target / source, ignore=ignore)
        else:
            shutil.copy2(path, target / source)


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Do what the first stage does, with its own lines, below a temporary root."""
    root = tmp_path_factory.mktemp("image")
    source = root / "src"
    source.mkdir()
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    for word, arguments in stages()[0].instructions:
        if word == "COPY":
            _copy(arguments.split()[:-1], source)
        elif word == "RUN":
            line = arguments.replace("/opt/", f"{root}/opt/")
            line = re.sub(r"(^|&& )python ", rf"\g<1>{sys.executable} ", line)
            done = subprocess.run(
                ["sh", "-c", line], cwd=source, env=environment, capture_output=True, text=True, check=False
            )
            if done.returncode and UNREACHABLE.search(done.stderr):
                pytest.skip("no package index can be reached, so the image's pip lines cannot be replayed")
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (wheel,) = (root / "opt/wheel").glob("*.whl")
    binaries = root / "opt/geo-service/bin"
    return Installation(binaries / "python", binaries / "geo-service", wheel, elsewhere)
