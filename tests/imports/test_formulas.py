"""Texts that a spreadsheet would work out go in and come out as texts, whatever they are written into; numbers stay."""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import replace
from urllib.parse import quote

import httpx
from openpyxl import load_workbook

from geo_service.api.links import XLSX
from tests import world
from tests.api.serving import report_of
from tests.imports.bringing import brought, collection, parcels

#: Each sign that begins a formula for some program, and what else a spreadsheet takes for something other than a text.
BEGINNINGS = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("x")',
    "#N/A",
    "1e5",
    "007",
)
#: What is brought loses what stands around it, so that these come in as they go out.
BROUGHT = tuple(text for text in BEGINNINGS if text == text.strip())
#: An id holds no slash.
IDS = tuple(text for text in BROUGHT if "/" not in text)
AREA_M2 = 1234.5


def cells(answer: httpx.Response, heading: str) -> list:
    """The cells of all columns that are headed so; the whole workbook holds no formula."""
    assert answer.status_code == 200 and answer.headers["content-type"] == XLSX
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        sheets = [archive.read(name) for name in archive.namelist() if name.startswith("xl/worksheets/")]
    assert sheets and not any(re.search(rb"<(?:\w+:)?f[ />]", sheet) for sheet in sheets)
    found = []
    for sheet in load_workbook(io.BytesIO(answer.content)).worksheets:
        head, *rows = sheet.iter_rows()
        for row in rows:
            assert all(cell.data_type in "snd" for cell in row), sheet.title
        for column, cell in enumerate(head):
            found += [row[column] for row in rows] if heading in str(cell.value) else []
    return found


def test_these_are_all_the_ways_in_which_something_comes_out_as_a_table(served):
    kinds = {
        (method, path, kind)
        for path, operations in served.get("/api").json()["paths"].items()
        for method, operation in operations.items()
        for answer in operation["responses"].values()
        for kind in answer.get("content", {})
        if re.search("sheet|csv|excel|tab-separated", kind)
    }
    assert kinds == {
        ("get", "/map/list.xlsx", XLSX),
        ("post", "/map/list.xlsx", XLSX),
        ("get", "/jobs/{job_id}/rejected.xlsx", XLSX),
    }


def test_stored_names_are_texts_in_the_list_and_untouched_in_geojson(served, workspace):
    rows = [
        {
            "id": f"{text} {number}" if text in IDS else f"I-{number}",
            "geometry": world.box(60 * number, 400, 60 * number + 50, 450),
            "zone": "Z",
            "registered_area_m2": AREA_M2,
            **dict.fromkeys(("name", "project_type", "location", "unit_no"), text),
        }
        for number, text in enumerate(BEGINNINGS)
    ]
    edition = world.features("parcels", rows).data
    data = replace(edition, spec=workspace.catalogue.layers["parcels"])
    workspace.publish(data, report_of(data))
    ids = [row["id"] for row in rows]
    for answer in (served.get("/map/list.xlsx"), served.client.post("/map/list.xlsx", json={"ids": ids})):
        for heading, expected in (("宗地编号", ids), ("名称", BEGINNINGS), ("坐落", BEGINNINGS)):
            found = cells(answer, heading)
            assert {cell.value for cell in found} == set(expected), heading
            # A program that asks for the kind of a cell is told that it is text.
            assert {(cell.data_type, cell.number_format) for cell in found} == {("s", "@")}
        assert [(cell.data_type, cell.value) for cell in cells(answer, "出让面积（㎡）")] == [("n", 2500)] * len(rows)
    for path in ("/collections/parcels/items?limit=100", "/collections/parcels/export.geojson"):
        told = {one["id"]: one["properties"] for one in served.get(path).json()["features"]}
        assert {id_: (one["name"], one["registered_area_m2"]) for id_, one in told.items()} == {
            row["id"]: (row["name"], AREA_M2) for row in rows
        }


def test_what_was_rejected_is_told_as_texts_that_nothing_works_out(served):
    rows = json.loads(parcels(len(IDS)))["features"]
    for row, text in zip(rows, IDS, strict=True):
        row["geometry"] = None
        row["properties"]["id"] = text
    job = brought(served.client, "parcels", collection(*rows))
    assert job["state"] == "refused"
    answer = served.get(f"/jobs/{job['id']}/rejected.xlsx")
    told = cells(answer, "编号")
    assert {cell.data_type for cell in told} == {"s"}
    assert [cell.value for cell in told] == [f"'{text}" if text[0] in "=+-@" else text for text in IDS]
    assert [(cell.data_type, cell.value) for cell in cells(answer, "row")] == [
        ("n", number) for number in range(1, len(rows) + 1)
    ]
    # What a program reads is not for a spreadsheet.
    assert [one["id"] for one in served.get(f"/jobs/{job['id']}/rejected").json()["rejected"]] == list(IDS)


def test_what_was_brought_comes_back_the_same_when_what_came_out_is_brought_again(served):
    rows = json.loads(parcels(len(BROUGHT)))["features"]
    for row, text in zip(rows, BROUGHT, strict=True):
        row["properties"] |= {"registered_area_m2": AREA_M2} | ({"id": text} if text in IDS else {})
        row["properties"] |= dict.fromkeys(("name", "location", "unit_no"), text)
    job = brought(served.client, "parcels", collection(*rows))
    assert job["state"] == "done", job["rejected"]
    first = served.get("/collections/parcels/export.geojson")
    named = {one["properties"]["name"]: one["id"] for one in first.json()["features"]}
    assert set(named) == set(BROUGHT) and all(named[text] == text for text in IDS)
    again = brought(served.client, "parcels", first.content)
    assert again["state"] == "done" and again["edition"] != job["edition"]
    assert served.get("/collections/parcels/export.geojson").content == first.content


def test_each_boundary_of_a_package_is_read_again_under_its_own_name(served):
    text = "@SUM(A2)"
    (row,) = json.loads(parcels(1))["features"]
    row["properties"] |= {"id": text, "name": text}
    assert brought(served.client, "parcels", collection(row))["state"] == "done"
    answer = served.get(f"/parcels/{quote(text, safe='')}/tender-package?force=true")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        for member in ("boundary_points.txt", "parcel.geojson", "parcel_cgcs2000.geojson"):
            checked = served.client.post("/check", files={"file": (member, archive.read(member))})
            assert checked.status_code == 200, checked.text
            body = checked.json()
            parcel = body.get("parcel") or body["records"][0]["parcel"]
            assert (parcel["id"], parcel["name"]) == (text, text), member
