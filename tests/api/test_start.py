"""Whoever reads the address on the screen is answered at once."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from geo_service.api.app import create_app
from geo_service.checking.process import EXAMINERS
from geo_service.service import Service
from tests.api.serving import AS_OF, OPEN, running

ROOT = Path(__file__).resolve().parents[2]


def test_the_map_is_drawn_before_anybody_is_answered(workspace, monkeypatch):
    service = Service(workspace, lambda: AS_OF)
    drawn = []
    real = service.zone_map
    monkeypatch.setattr(service, "zone_map", lambda *args, **named: drawn.append(args) or real(*args, **named))
    with running(create_app(service, policy=OPEN, draw_first=True), service) as served:
        assert drawn == [(None,)]
        assert served.get("/healthz").status_code == 200
        page = served.get("/map")
        assert drawn == [(None,)]
    assert page.status_code == 200 and "示例地块" in page.text
    nonce = page.headers["content-security-policy"].partition("'nonce-")[2].partition("'")[0]
    assert nonce and f'nonce="{nonce}"' in page.text


def test_processes_for_checks_wait_before_the_first_check(workspace):
    EXAMINERS.close()
    service = Service(workspace, lambda: AS_OF)
    with running(create_app(service, policy=OPEN), service):
        assert len(EXAMINERS.idle()) == 1


def test_the_address_is_said_once_it_answers(workspace):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", "from geo_service.cli import main; main()", "serve"]
    command += ["--workspace", str(workspace.directory), "--port", str(port), "--allow-anonymous"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        assert process.stderr is not None
        assert process.stderr.readline().decode().strip() == f"地图 / map: http://127.0.0.1:{port}/map"
        with httpx.Client(trust_env=False, timeout=2) as client:
            assert client.get(f"http://127.0.0.1:{port}/healthz").json()["status"] == "ok"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=600)
    assert process.returncode == 0
