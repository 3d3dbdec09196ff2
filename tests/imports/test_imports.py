"""Files brought over HTTP: what is right becomes an edition that everybody sees, what is wrong is told row by row."""

from __future__ import annotations

import io
import json
import os
import signal
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import openpyxl
import pytest
import shapely

from geo_service.importing.desk import FOLDER, MOST_OWN
from geo_service.store.audit import REFUSED
from tests import world
from tests.imports.bringing import bring, brought, collection, ended, parcels
from tests.ingest.writing import write_turned, write_vector, zipped_folder
from tests.processes import wait_for

TILE = "/collections/parcels/tiles/WebMercatorQuad/10/400/833"


def left_over(workspace) -> list[Path]:
    """Files of jobs, and files that were not written to their end."""
    # Not by rglob, which fails where a folder goes while it looks.
    found = ((Path(at), names) for at, _, names in os.walk(workspace.directory / FOLDER))
    files = [at / name for at, names in found for name in names if not name.endswith(".lock")]
    return files + list(workspace.directory.glob("*/*.partial*"))


def children() -> list[int]:
    """Importing processes that this one has started."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            ours = b"geo_service.importing.child" in command and _parent(entry) == os.getpid()
        except OSError:
            continue
        if ours:
            found.append(int(entry.name))
    return found


def _parent(process: Path) -> int:
    return int((process / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])


@pytest.mark.slow
def test_a_new_edition_is_seen_everywhere_without_a_restart(served, workspace):
    before = {
        "tile": served.get(TILE).headers["etag"],
        "record": served.get("/parcels/P/assessment").headers["etag"],
        "page": served.get("/map").text,
        "old": served.service.snapshot().layers.editions["parcels"].name,
    }
    kept = json.loads(served.get("/collections/parcels/items?limit=1000").content)["features"]
    content = collection(*kept, *json.loads(parcels(3, prefix="NEU"))["features"])
    answer = bring(served.client, "parcels", content, edition_date="2026-11-20")
    assert answer.headers["location"].endswith(f"/jobs/{answer.json()['id']}")
    job = ended(served.client, answer)
    assert (job["state"], job["counts"]) == (
        "done",
        {"read": len(kept) + 3, "stored": len(kept) + 3, "rejected": 0, "deleted": 0},
    )
    assert job["edition"] not in (None, before["old"])
    edition = served.get(f"/editions/{job['edition']}").json()
    assert (edition["published"], edition["edition_date"], edition["report"]["source"]) == (
        True,
        "2026-11-20",
        "宗地.geojson",
    )
    found = served.get("/parcels/P/assessment")
    assert found.headers["etag"] != before["record"]
    used = {layer["id"]: layer["edition"] for layer in found.json()["provenance"]["layers"]}
    assert used["parcels"] == job["edition"]
    assert served.get("/parcels/NEU-00001/assessment").status_code == 200
    assert served.get("/parcels?limit=1").json()["numberMatched"] == len(kept) + 3
    assert served.get("/collections/parcels/items/NEU-00002").status_code == 200
    assert served.get(TILE).headers["etag"] != before["tile"]
    page = served.get("/map").text
    assert "NEU-00000" in page and "NEU-00000" not in before["page"]
    wait_for(lambda: not left_over(workspace))


def test_a_refused_file_stores_nothing_and_lists_every_row(served, workspace):
    register = workspace.register
    editions, revision = len(register.editions()), register.revision()
    refused = sum(row.action == REFUSED for row in register.audit())
    rows = json.loads(parcels(6, prefix="F", name="=HYPERLINK(1)"))["features"]
    rows[1]["geometry"] = None
    rows[1]["properties"]["id"] = "=1+1"
    rows[3]["properties"]["registered_area_m2"] = "@SUM(A1)"
    rows[4]["properties"]["id"] = rows[5]["properties"]["id"]
    job = brought(served.client, "parcels", collection(*rows))
    assert job["state"] == "refused" and job["edition"] is None
    assert job["counts"] == {"read": 6, "stored": 0, "rejected": len(job["rejected"]), "deleted": None}
    listed = served.get(f"/jobs/{job['id']}/rejected").json()["rejected"]
    assert {fault["row"] for fault in listed} >= {2, 4}
    assert all(fault["reason"]["zh"] and fault["reason"]["en"] and fault["code"] for fault in listed)
    assert len(register.editions()) == editions
    assert register.revision() == revision, "what was refused changes nothing that was concluded"
    assert sum(row.action == REFUSED for row in register.audit()) == refused + 1
    wait_for(lambda: not left_over(workspace))

    answer = served.get(f"/jobs/{job['id']}/rejected.xlsx")
    assert "attachment" in answer.headers["content-disposition"]
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    table = list(sheet.iter_rows(min_row=2))
    assert [row[0].value for row in table] == [fault["row"] for fault in listed]
    for row in table:
        assert row[0].data_type == "n"
        assert all(cell.data_type == "s" for cell in row[1:] if cell.value is not None)
    texts = [cell.value for row in table for cell in row[1:] if cell.value]
    assert "'=1+1" in texts and "'@SUM(A1)" in texts
    assert not any(text.startswith(("=", "+", "-", "@", "\t", "\r")) for text in texts)


def test_a_zone_that_is_to_be_measured_in_no_crs_is_refused_with_those_there_are(served):
    declared = ("nonsense {", "EPSG:4326", "EPSG:0", "4547", "EPSG:4547", None)
    rows = json.loads(parcels(len(declared)))["features"]
    for row, crs in zip(rows, declared, strict=True):
        row["properties"] |= {"version_status": "applied", "name": "拟调整", "working_crs": crs}
    job = brought(served.client, "zones", collection(*rows), dry_run=True)
    assert job["state"] == "refused"
    assert [(fault["code"], fault["row"]) for fault in job["rejected"]] == [
        ("crs_not_admitted", number) for number in (1, 2, 3, 4)
    ]
    for fault, wrong in zip(job["rejected"], declared, strict=False):
        assert wrong in fault["reason"]["zh"] and "EPSG:4534-4554" in fault["reason"]["en"]
    assert brought(served.client, "zones", collection(*rows[4:]), dry_run=True)["state"] == "done"


def test_with_quarantine_the_rows_that_are_right_are_stored(served, workspace):
    rows = json.loads(parcels(5, prefix="Q"))["features"]
    rows[2]["geometry"] = None
    job = brought(served.client, "farmland", collection(*rows), quarantine=True)
    assert (job["state"], job["counts"]) == ("done", {"read": 5, "stored": 4, "rejected": 1, "deleted": 0})
    assert [fault["row"] for fault in job["rejected"]] == [3]
    stored = workspace.layer_set().features("farmland")
    assert sorted(stored.ids) == ["Q-00000", "Q-00001", "Q-00003", "Q-00004"]
    assert served.get("/collections/farmland/items").json()["numberMatched"] == 4


def test_a_dry_run_says_what_would_be_and_stores_nothing(served, workspace):
    before = [row.name for row in workspace.register.editions()]
    job = brought(served.client, "farmland", parcels(2, prefix="D"), dry_run=True)
    assert (job["state"], job["edition"], job["counts"]["stored"]) == ("done", None, 2)
    assert job["report"]["crs_how"]
    assert [row.name for row in workspace.register.editions()] == before


def test_a_file_of_two_layers_asks_which_and_takes_the_one_that_is_named(served, tmp_path):
    for name, count in (("甲", 2), ("乙", 3)):
        shapes = [world.box(-1900 + 40 * n, 0, -1870 + 40 * n, 30) for n in range(count)]
        ids = {"BSM": [f"{name}-{n}" for n in range(count)]}
        write_vector(tmp_path / "a.gdb", shapes, "OpenFileGDB", layer=name, append=name == "乙", columns=ids)
    content = zipped_folder(tmp_path / "a.zip", tmp_path / "a.gdb", "a.gdb/").read_bytes()
    asked = {"name": "a.gdb.zip", "dry_run": True}
    job = brought(served.client, "heritage", content, **asked)
    assert (job["state"], job["counts"]["stored"]) == ("refused", 0)
    [fault] = job["rejected"]
    assert fault["code"] == "several_layers" and "layer=" in fault["next"]["zh"]
    assert all(name in fault["reason"][tongue] for name in ("甲", "乙") for tongue in ("zh", "en"))
    job = brought(served.client, "heritage", content, **asked, layer="乙")
    assert (job["state"], job["counts"]["read"], job["counts"]["stored"]) == ("done", 3, 3), job["rejected"]


def test_what_gdal_warns_of_while_it_reads_stands_in_the_report_wherever_it_is_shown(served, tmp_path):
    places = [world.box(-1900 + 40 * n, 100, -1870 + 40 * n, 130) for n in range(3)]
    shapes = [shapely.union_all(places[:2]), places[2]]
    (tmp_path / "a").mkdir()
    write_turned(tmp_path / "a" / "a.shp", shapes, columns={"BSM": ["W-1", "W-2"], "class": ["control"] * 2})
    content = zipped_folder(tmp_path / "a.zip", tmp_path / "a").read_bytes()
    job = brought(served.client, "heritage", content, name="a.zip")
    assert (job["state"], job["counts"]["stored"]) == ("done", 2), job["rejected"]
    edition = served.get(f"/editions/{job['edition']}").json()
    checked = served.client.post("/check", files={"file": ("a.zip", content)}).json()
    for report in (job["report"], edition["report"], checked["report"]):
        (words,) = report["warnings"]
        assert "winding order" in words and "/tmp" not in words


#: Codes as land registers write them: longer than a number holds, and with zeros in front.
CODES = ("0140421001002000000000000001", "1404210010020000000000000003", "0012")


@pytest.mark.slow
def test_a_code_of_many_digits_is_the_same_text_wherever_it_comes_out(served):
    rows = json.loads(parcels(len(CODES)))["features"]
    for row, code in zip(rows, CODES, strict=True):
        row["properties"]["id"] = code
    # As a program writes it that takes a code for a number.
    content = collection(*rows).replace(f'"{CODES[1]}"'.encode(), CODES[1].encode())
    assert brought(served.client, "parcels", content)["counts"]["stored"] == len(CODES)
    items = served.get("/collections/parcels/items").json()["features"]
    assert [item["id"] for item in items] == sorted(CODES)
    sheet = openpyxl.load_workbook(io.BytesIO(served.get("/map/list.xlsx").content)).worksheets[0]
    cells = {cell.value for row in sheet.iter_rows() for cell in row if cell.data_type == "s"}
    assert set(CODES) <= cells
    for code in CODES:
        text = f'"id":"{code}"'.encode()
        record = served.get(f"/parcels/{code}/assessment")
        assert text in record.content and record.json()["parcel"]["id"] == code
        packed = served.get(f"/parcels/{code}/tender-package", params={"force": True})
        with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
            for member in ("assessment.json", "manifest.json", "parcel.geojson", "parcel_cgcs2000.geojson"):
                assert text in archive.read(member), member
            assert f'"parcel_id":"{code}"'.encode() in archive.read("indicators.json")
            assert code in archive.read("boundary_points.txt").decode("gbk")

    lines = ["id,wkt", *(f'{code},"{shape_of(row).wkt}"' for code, row in zip(CODES, rows, strict=True))]
    sent = {"file": ("a.csv", "\n".join(lines).encode())}
    checked = served.client.post("/check", files=sent, params={"crs": "EPSG:4490"}).json()
    assert [record["parcel"]["id"] for record in checked["records"]] == list(CODES)


def shape_of(row: dict) -> shapely.Geometry:
    return shapely.geometry.shape(row["geometry"])


def events(text: str) -> list[tuple[str, dict]]:
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


def test_who_listens_hears_every_step_to_the_end(served):
    answer = bring(served.client, "farmland", parcels(4, prefix="E"))
    heard = served.get(f"/jobs/{answer.json()['id']}/events")
    assert heard.headers["content-type"].startswith("text/event-stream")
    told = events(heard.text)
    assert [kind for kind, _ in told] == ["progress"] * (len(told) - 1) + ["end"]
    assert len(told) > 1
    assert told[-1][1] == ended(served.client, answer)
    stages = ["waiting", "reading", "storing", "preparing", "ended"]
    order = [stages.index(job["progress"]["stage"]) for _, job in told]
    assert order == sorted(order)
    # Whoever comes late hears how it ended.
    assert [kind for kind, _ in events(served.get(f"/jobs/{answer.json()['id']}/events").text)] == ["end"]


def test_the_same_request_sent_again_is_the_same_job(served, workspace):
    content, other = parcels(2, prefix="I"), parcels(2, prefix="J")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: bring(served.client, "farmland", content, key="k-1"), range(4)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    job = ended(served.client, answers[0])
    again = bring(served.client, "farmland", content, key="k-1")
    assert (again.status_code, again.json()) == (202, job)
    for changed in (
        bring(served.client, "farmland", other, key="k-1"),
        bring(served.client, "farmland", content, key="k-1", quarantine=True),
        bring(served.client, "heritage", content, key="k-1"),
    ):
        assert (changed.status_code, changed.json()["code"]) == (422, "idempotency-key-reused")
    names = [row.name for row in workspace.register.editions()]
    assert names.count(job["edition"]) == 1
    wait_for(lambda: not left_over(workspace))


def test_whoever_has_enough_files_waiting_is_told_to_wait(served, workspace):
    taken = []
    try:
        for number in range(MOST_OWN):
            taken.append(bring(served.client, "farmland", parcels(1, prefix=f"W{number}")))
            assert taken[-1].status_code == 202, "so many may wait"
        refused = bring(served.client, "farmland", parcels(1, prefix="W"))
        assert (refused.status_code, refused.json()["code"]) == (429, "too-many-imports"), refused.text
        assert int(refused.headers["retry-after"]) > 0 and refused.json()["next"]["zh"]
    finally:
        # The last first, so that none of them begins meanwhile.
        for answer in reversed(taken):
            served.client.delete(answer.headers["location"])
    wait_for(lambda: not children())
    wait_for(lambda: not left_over(workspace))
    again = bring(served.client, "farmland", parcels(1, prefix="W"))
    assert again.status_code == 202
    served.client.delete(again.headers["location"])


def test_a_file_that_waits_and_one_that_is_read_can_be_called_off(served, workspace):
    before = [row.name for row in workspace.register.editions()]
    large = parcels(2000, prefix="C")
    first = bring(served.client, "farmland", large)
    twice = bring(served.client, "farmland", large)
    assert twice.json()["id"] == first.json()["id"], "what is at work already is not begun again"
    second = bring(served.client, "heritage", parcels(2, prefix="C"))
    dropped = served.client.delete(second.headers["location"])
    assert (dropped.status_code, dropped.json()["state"]) == (200, "cancelled")
    wait_for(lambda: served.get(first.headers["location"]).json()["state"] == "running" and children())
    dropped = served.client.delete(first.headers["location"])
    assert (dropped.status_code, dropped.json()["state"]) == (200, "cancelled")
    wait_for(lambda: not children())
    wait_for(lambda: not left_over(workspace))
    late = served.client.delete(first.headers["location"])
    assert (late.status_code, late.json()["code"], late.json()["value"]) == (409, "too-late", "cancelled")
    assert [row.name for row in workspace.register.editions()] == before


@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGSEGV, marks=pytest.mark.slow)])
def test_an_import_whose_process_breaks_is_said_to_have_failed_and_the_next_works(served, workspace, how):
    before = [row.name for row in workspace.register.editions()]
    # The process of an import before may still be on its way out.
    wait_for(lambda: not children())
    answer = bring(served.client, "farmland", parcels(2000, prefix=how.name))
    wait_for(children)
    for pid in children():
        os.kill(pid, how)
    job = ended(served.client, answer)
    assert (job["state"], job["rejected"][0]["code"]) == ("failed", "import_failed")
    assert job["rejected"][0]["reason"]["zh"] and job["rejected"][0]["next"]["en"]
    assert [row.name for row in workspace.register.editions()] == before
    wait_for(lambda: not left_over(workspace))
    assert brought(served.client, "farmland", parcels(1, prefix=how.name))["state"] == "done"


def test_what_cannot_be_taken_is_said_at_once(served):
    client = served.client
    content = parcels(1)
    assert bring(client, "nothing", content).status_code == 404
    assert bring(client, "parcels", content, colour="red").json()["code"] == "unknown-parameter"
    assert bring(client, "parcels", content, edition_date="gestern").json()["code"] == "bad-parameter"
    # Data that nobody has surveyed yet would never grow stale.
    ahead = bring(client, "parcels", content, edition_date="2090-01-01")
    assert (ahead.status_code, ahead.json()["code"]) == (422, "data_date_ahead")
    sent = client.post("/layers/parcels/editions", content=content, headers={"Content-Type": "application/geo+json"})
    assert (sent.status_code, sent.json()["code"]) == (415, "unsupported-media-type")
    sent = client.post("/layers/parcels/editions", files={"extent": ("a.geojson", content)})
    assert (sent.status_code, sent.json()["code"]) == (400, "field-missing")
    files = [("file", ("a.geojson", content)), ("other", ("b.geojson", content))]
    assert client.post("/layers/parcels/editions", files=files).status_code == 400
    for path in ("/jobs/none", "/jobs/none/events", "/jobs/none/rejected", "/jobs/none/rejected.xlsx", "/jobs/..%2f.."):
        assert client.get(path).status_code == 404
    assert client.delete("/jobs/none").status_code == 404


def test_a_page_of_another_host_can_send_nothing(served):
    files = {"file": ("a.geojson", parcels(1))}
    sent = served.client.post("/layers/parcels/editions", files=files, headers={"Origin": "http://elsewhere.example"})
    assert (sent.status_code, sent.json()["code"]) == (403, "other-origin")
    sent = served.client.delete("/jobs/none", headers={"Origin": "null"})
    assert sent.status_code == 403


@pytest.mark.slow
def test_readers_meanwhile_see_the_old_edition_or_the_new_one(served):
    old = parcels(40, prefix="R")
    first = brought(served.client, "parcels", old)["edition"]
    shifted = json.loads(parcels(40, first=40, prefix="R"))["features"]
    answer = bring(served.client, "parcels", collection(*shifted))
    seen = set()
    with httpx.Client(base_url=served.base, trust_env=False, timeout=600) as reader:
        while served.get(answer.headers["location"]).json()["state"] in ("queued", "running"):
            body = reader.get("/parcels?limit=1000")
            assert body.status_code == 200
            seen.add(frozenset(entry["id"] for entry in body.json()["features"]))
        body = reader.get("/parcels?limit=1000").json()
        seen.add(frozenset(entry["id"] for entry in body["features"]))
    new = ended(served.client, answer)["edition"]
    assert new != first
    assert seen <= {
        frozenset(f"R-{number:05}" for number in range(40)),
        frozenset(f"R-{number:05}" for number in range(40, 80)),
    }
    assert {entry["id"] for entry in body["features"]} == {f"R-{number:05}" for number in range(40, 80)}
