"""The rules that hold for every test do hold."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from tests.conftest import NetworkReached
from tests.packaging.dockerfile import ROOT


def test_no_test_reaches_another_host():
    with pytest.raises(NetworkReached):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(NetworkReached):
        socket.getaddrinfo("example.org", 443)


def test_a_test_reaches_its_own_server():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=1).close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ci", "reason", "outcome"),
    [
        ("", "gdal-bin is not installed", "1 skipped"),
        ("true", "gdal-bin is not installed", "1 failed"),
        ("true", "../shared/data is not beside the checkout", "1 skipped"),
    ],
)
def test_a_skip_is_a_failure_where_ci_runs(tmp_path, ci, reason, outcome):
    (tmp_path / "test_lost.py").write_text(f"import pytest\n\ndef test_lost():\n    pytest.skip({reason!r})\n")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "--rootdir", ".", "."],
        cwd=tmp_path,
        env={**os.environ, "CI": ci, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome in done.stdout


def test_warnings_are_errors(pytestconfig):
    assert pytestconfig.getini("filterwarnings")[0] == "error"
