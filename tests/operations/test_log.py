"""What is logged of requests and of what fails: lines of JSON, and nothing that somebody sent."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from urllib.parse import quote

import httpx
import pytest

from geo_service.api.app import create_app
from geo_service.api.journal import JsonLines
from geo_service.checking import child as measuring
from geo_service.importing import child as importing
from geo_service.ingest import child, reading
from geo_service.ingest.process import READERS, gdal_skip
from geo_service.service import Service
from tests import world
from tests.api.serving import AS_OF, OPEN, running
from tests.ingest.writing import write_vector
from tests.processes import wait_for

MARK = "MARK-张三的地块"
#: What ends a line for somebody who reads a log, or a header for whoever is answered.
HOSTILE = [
    f"{MARK}.zip",
    f'{MARK}\n{{"event":"fake"}}.zip',
    f"{MARK}\r\nX-Evil: 1\r\n.zip",
    f'{MARK}\u2028{{"event":"fake"}}\u2029\x85\x0b\x1c.zip',
]


@pytest.fixture
def said():
    stream = io.StringIO(newline="")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    requests, root = logging.getLogger("geo_service.requests"), logging.getLogger()
    level = requests.level
    root.addHandler(handler)
    requests.setLevel(logging.INFO)
    yield stream
    requests.setLevel(level)
    root.removeHandler(handler)


@pytest.fixture
def served(workspace):
    service = Service(workspace, lambda: AS_OF)
    with running(create_app(service, policy=OPEN), service) as found:
        yield found


def form(name: str, content: bytes) -> dict[str, object]:
    """A form whose file has exactly this name, as somebody would send it who keeps to no rules."""
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return {
        "content": head.encode() + content + b"\r\n--x--\r\n",
        "headers": {"Content-Type": "multipart/form-data; boundary=x"},
    }


def test_no_name_and_no_data_of_whoever_asks_is_logged_and_no_line_or_header_is_added(
    served, said, tmp_path, monkeypatch
):
    write_vector(tmp_path / f"{MARK}.shp", [world.box(*world.PARCEL)], "ESRI Shapefile", columns={"id": [MARK]})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for part in tmp_path.iterdir():
            archive.writestr(part.name, part.read_bytes())
    # A reader that finds a driver which should be off raises what nobody foresaw, and names the driver.
    skipped = dict(gdal_skip())
    skipped["pyogrio"] = ",".join(set(skipped["pyogrio"].split(",")) - {"OGR_VRT"})
    answers: list[httpx.Response] = []
    failed = 0
    with monkeypatch.context() as more:
        more.setattr(reading, "gdal_skip", lambda: tuple(skipped.items()))
        # A process has its drivers from its first file on.
        READERS.close()
        for name in HOSTILE:
            for options in (form(name, packed.getvalue()), {"files": {"file": (name, packed.getvalue())}}):
                answers.append(served.client.post("/check", **options))
                failed += answers[-1].status_code == 422 and answers[-1].json()["code"] == "file_unreadable"
    READERS.close()
    assert failed >= len(HOSTILE)
    for name in HOSTILE:
        id_ = quote(name, safe="")
        answers += [
            served.get(f"/parcels/{id_}/assessment"),
            served.get(f"/parcels/{id_}/tender-package"),
            served.get(f"/collections/parcels/items/{id_}", headers={"X-Request-Id": MARK.encode()}),
            served.get("/parcels", params={"zone": name}),
        ]
    assert all("x-evil" not in answer.headers for answer in answers)
    # The line of a request is written when its answer has been sent.
    wait_for(lambda: said.getvalue().count('"event": "request"') >= len(answers))
    lines = [json.loads(line) for line in said.getvalue().splitlines()]
    assert [line["event"] for line in lines].count("request") == len(answers)
    traces = [line["event"] for line in lines if line["logger"] == "geo_service.ingest"]
    assert len(traces) == failed
    # Where it came up, not what it says.
    assert all("RuntimeError at answer:" in trace and "_assert_few:" in trace for trace in traces)
    for word in (MARK, quote(MARK), "fake", "Evil", "OGR_VRT", ".zip", ".shp"):
        assert word not in said.getvalue()


def broken(*_: object, **__: object) -> object:
    return int(MARK)


def test_a_process_that_reads_or_measures_tells_where_something_came_up_and_not_what_it_says(monkeypatch):
    monkeypatch.setattr(child, "run", broken)
    _, trace = child.answer(type("Unread", (), {"name": MARK})())
    assert "ValueError at answer:" in trace and "broken:" in trace and MARK not in trace

    def verdicts():
        yield broken()

    _, trace = measuring._record_of(verdicts(), drawn=False)
    assert "ValueError at _record_of:" in trace and "broken:" in trace and MARK not in trace


def test_a_process_that_imports_ends_with_where_something_came_up_and_not_what_it_says(monkeypatch):
    monkeypatch.setattr(importing, "_stand_back", lambda: None)
    monkeypatch.setattr(importing, "_end_with", lambda _: None)
    monkeypatch.setattr(importing, "receive", lambda _: b"")
    monkeypatch.setattr(importing.pickle, "loads", broken)
    monkeypatch.setattr(importing.sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    with pytest.raises(SystemExit) as left:
        importing.main()
    said = str(left.value.code)
    assert "ValueError at main:" in said and "broken:" in said and MARK not in said


def test_a_line_is_one_line_for_everybody_who_reads_it_and_chinese_stays_readable():
    breaking = "地块\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\x7f\ud800一"
    try:
        broken()
    except ValueError as error:
        raised = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, __file__, 0, breaking, None, raised)
    written = JsonLines().format(record)
    assert written.splitlines() == [written] and written.encode().decode() == written
    assert "地块" in written and MARK not in written
    line = json.loads(written)
    assert line["event"] == breaking and line["error"] == "ValueError"
    assert line["trace"][-1].startswith("broken:")
