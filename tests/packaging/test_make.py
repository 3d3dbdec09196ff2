"""One word is enough: what each make target would do."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.packaging.dockerfile import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed: apt-get install make")


def plan(*arguments: str) -> str:
    done = subprocess.run(["make", "--dry-run", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def test_demo_listens_where_asked():
    assert "geo-service demo --port 8000" in plan("demo")
    assert "geo-service demo --port 9123" in plan("demo", "PORT=9123")


def test_check_runs_every_gate():
    steps = plan("check")

    for gate in (
        "ruff check",
        "ruff format --check",
        "mypy --strict geo_service",
        "lint-imports",
        "hadolint Dockerfile",
    ):
        assert gate in steps


def test_setup_installs_by_hash_and_only_when_something_changed():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert ".venv/.installed: requirements-dev.lock pyproject.toml" in makefile
    assert "--require-hashes" in makefile


def test_an_old_python_is_refused_in_words(tmp_path):
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for name in ("Makefile", "pyproject.toml", "requirements-dev.lock"):
        shutil.copy(ROOT / name, tmp_path)

    done = subprocess.run(["make", "setup", f"PYTHON={old}"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "需要 Python 3.11" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_gate_script_is_runnable_shell():
    script = ROOT / ".ci/run"

    assert script.stat().st_mode & 0o111
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")
    subprocess.run(["bash", "-n", script], check=True)
