"""The service as it is run: a process of its own, started by its command."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import httpx
import pytest

from geo_service.model.access import Role
from geo_service.store.definitions import bundled
from geo_service.store.workspace import Workspace
from tests.api.serving import build

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Command:
    """A running ``geo-service serve``; what it says on standard error is read as it comes."""

    process: subprocess.Popen[bytes]
    base: str
    lines: list[str]
    reader: Thread


Start = Callable[..., Command]


@pytest.fixture(scope="package")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return build(tmp_path_factory.mktemp("run") / "ws", bundled()[0])


@pytest.fixture(scope="package")
def keys(workspace: Workspace) -> dict[str, dict[str, str]]:
    return {role.value: {"X-API-Key": workspace.keys.add(role, None, "", 1, datetime.now(UTC))[0]} for role in Role}


@pytest.fixture
def start(workspace: Workspace) -> Iterator[Start]:
    running = []

    def started(
        *options: str, environment: dict[str, str] | None = None, directory: Path = workspace.directory
    ) -> Command:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-c", "from geo_service.cli import main; main()", "serve"]
        command += ["--workspace", str(directory), "--port", str(port), *options]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
        )
        lines: list[str] = []
        reader = Thread(target=lambda: lines.extend(line.decode().rstrip() for line in process.stderr), daemon=True)
        found = Command(process, f"http://127.0.0.1:{port}", lines, reader)
        running.append(found)
        reader.start()
        for _ in range(600):
            try:
                httpx.get(f"{found.base}/healthz", trust_env=False, timeout=2)
                return found
            except httpx.TransportError:
                try:
                    process.wait(0.2)
                    return found
                except subprocess.TimeoutExpired:
                    continue
        raise AssertionError("the service did not start")

    yield started
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait(10)
        one.reader.join(10)
        one.process.stderr.close()
