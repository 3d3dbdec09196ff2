"""How a file was read stands beside its records: what was mended is never answered in silence."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from geo_service.api.app import create_app
from geo_service.cli import main
from tests import world
from tests.api.serving import OPEN, running
from tests.checking.test_checking import in_metres

TXT = Path(__file__).parents[2] / "layers/demo/boundary.txt"
KEYS = [
    "driver",
    "crs",
    "crs_how",
    "encoding",
    "encoding_how",
    "read",
    "stored",
    "repairs",
    "warnings",
    "notes",
]


@pytest.fixture(scope="module")
def served(service):
    with running(create_app(service, policy=OPEN), service) as found:
        yield found


@pytest.fixture
def swapped(tmp_path) -> Path:
    text = TXT.read_bytes().decode("gbk")
    file = tmp_path / "swapped.txt"
    file.write_bytes(re.sub(r"(?m)^(J\d+,\d+),([\d.]+),([\d.]+)", r"\1,\3,\2", text).encode("gbk"))
    return file


def printed(capfdbinary, *arguments: str) -> dict:
    with pytest.raises(SystemExit):
        main(arguments)
    return json.loads(capfdbinary.readouterr().out)


def test_an_upload_says_what_was_mended(served, swapped):
    answer = served.client.post("/check", files={"file": (swapped.name, swapped.read_bytes())})
    body = answer.json()
    assert list(body) == ["records", "rejected", "report"]
    report = body["report"]
    assert list(report) == KEYS
    assert (report["driver"], report["crs"], report["encoding"]) == ("TXT", "EPSG:4526", "GBK")
    assert (report["read"], report["stored"]) == (2, 2)
    assert {(repair["row"], repair["id"]) for repair in report["repairs"]} == {
        (1, "CZGX-2024-001"),
        (2, "CZGX-2024-002"),
    }
    for repair in report["repairs"]:
        assert list(repair) == ["row", "id", "rule", "zh", "en", "area_change_m2"]
        assert "颠倒" in repair["zh"] and "swapped" in repair["en"]


def test_the_command_line_says_the_same(served, swapped, service, monkeypatch, tmp_path, capfdbinary):
    monkeypatch.chdir(tmp_path)
    body = printed(capfdbinary, "check", str(swapped), "--json", "--workspace", str(service.workspace.directory))
    answer = served.client.post("/check", files={"file": (swapped.name, swapped.read_bytes())})
    assert body == answer.json()
    alone = printed(capfdbinary, "check", str(swapped), "--json")
    assert alone["report"]["repairs"] == body["report"]["repairs"]


def test_what_needs_no_mending_has_none(served):
    answer = served.client.post("/check", files={"file": ("boundary.txt", TXT.read_bytes())}).json()
    assert answer["report"]["repairs"] == []
    assert answer["report"]["notes"]


def test_records_of_the_longer_answer_are_the_same_bytes_as_alone(served):
    geometry = in_metres(world.box(*world.PARCEL))
    alone = served.client.post("/check", json=geometry, params={"crs": world.CRS})
    posted = {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": geometry}]}
    together = served.client.post("/check", json=posted, params={"crs": world.CRS})
    assert together.content.startswith(b'{"records":[' + alone.content + b'],"rejected":[],"report":{')


def test_the_description_of_the_api_knows_the_report(served):
    schemas = served.get("/api").json()["components"]["schemas"]
    assert schemas["Checked"]["required"] == ["records", "rejected", "report"]
    assert sorted(schemas["ReadingReport"]["properties"]) == sorted(KEYS)
