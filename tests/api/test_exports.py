"""Whole collections as one file, as somebody saves them."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest

from geo_service.api.packing import FROM_BYTES
from geo_service.api.routes import exports
from geo_service.service import Service
from geo_service.store.copies import Copy
from tests.api.serving import AS_OF, SECRET
from tests.api.test_features import pages
from tests.api.test_problems import problem
from tests.processes import wait_for


def test_the_file_holds_the_same_features_as_the_pages(served):
    for collection in served.get("/collections").json()["collections"]:
        name = collection["id"]
        answer = served.get(f"/collections/{name}/export.geojson")
        assert answer.headers["content-type"] == "application/geo+json"
        assert f'"{name}.geojson"' in answer.headers["content-disposition"]
        together = [found for page in pages(served, f"/collections/{name}/items?limit=7") for found in page["features"]]
        assert answer.json() == {"type": "FeatureCollection", "features": together}


def test_who_has_the_file_is_told_so_and_who_has_half_gets_the_rest(served):
    path = "/collections/parcels/export.geojson"
    whole = served.get(path)
    tag = whole.headers["etag"]
    assert served.get(path, headers={"If-None-Match": tag}).status_code == 304
    plain = {"Accept-Encoding": "identity"}
    half = len(whole.content) // 2
    rest = served.get(path, headers={**plain, "Range": f"bytes={half}-", "If-Range": tag})
    assert rest.status_code == 206
    assert rest.content == whole.content[half:]
    other = served.get(path, headers={**plain, "Range": f"bytes={half}-", "If-Range": '"of an older edition"'})
    assert other.status_code == 200
    assert other.content == whole.content


def test_what_can_be_taken_in_parts_is_the_same_bytes_for_everybody(served):
    path, packing = "/collections/parcels/export.geojson", {"Accept-Encoding": "gzip"}
    with served.client.stream("GET", path, headers=packing) as answer:
        whole, tag = b"".join(answer.iter_raw()), answer.headers["etag"]
    assert len(whole) > FROM_BYTES
    assert "content-encoding" not in answer.headers and not tag.startswith("W/")
    rest = served.get(path, headers={**packing, "Range": "bytes=500-", "If-Range": tag})
    assert (rest.status_code, whole[:500] + rest.content) == (206, whole)
    held = served.get(path, headers={**packing, "If-None-Match": f"W/{tag}"})
    assert (held.status_code, held.headers["etag"]) == (304, tag)


@pytest.mark.parametrize("asked", ["bytes=999999999-", "bytes=-0", "bytes=999999999-, 888888888-"])
def test_a_part_beyond_the_end_is_a_problem_that_says_how_much_there_is(served, asked):
    path = "/collections/parcels/export.geojson"
    size = len(served.get(path).content)
    answer = served.get(path, headers={"Range": asked})
    assert problem(answer, 416, "range-not-satisfiable")["value"] == asked
    assert answer.headers["content-range"] == f"bytes */{size}"


@pytest.mark.parametrize(
    "asked", ["bytes=abc", "bytes=9-0", "items=0-9", "bytes", "bytes=0-9,abc", "bytes=--5", "bytes=" + "9" * 5000 + "-"]
)
def test_what_is_no_range_of_bytes_is_not_heeded(served, asked):
    path = "/collections/parcels/export.geojson"
    answer = served.get(path, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, served.get(path).content)


def test_the_parts_that_are_there_are_sent(served):
    path = "/collections/parcels/export.geojson"
    whole = served.get(path).content
    for asked, part in (
        ("bytes=0-9, 999999999-", whole[:10]),
        ("Bytes=-7", whole[-7:]),
        ("bytes=10-999999999", whole[10:]),
        ("bytes=-999999999", whole),
    ):
        answer = served.get(path, headers={"Range": asked})
        assert (answer.status_code, answer.content) == (206, part), asked
    several = served.get(path, headers={"Range": "bytes=0-9,20-29"})
    assert several.headers["content-type"].startswith("multipart/byteranges")
    assert whole[:10] in several.content and whole[20:30] in several.content


def test_verdicts_are_of_the_date_asked_for(served):
    found = served.get("/collections/verdicts/export.geojson?as_of=2026-11-20").json()["features"]
    assert {feature["properties"]["as_of"] for feature in found} == {"2026-11-20"}
    assert served.get("/collections/parcels/export.geojson?as_of=2026-11-20").status_code == 400


@pytest.mark.parametrize(("day", "code"), [("1990-01-01", "no_rules_on_date"), ("9999-12-31", "date_too_late")])
def test_a_date_without_rules_is_refused_before_anything_is_sent(served, day, code):
    path = f"/collections/verdicts/export.geojson?as_of={day}"
    problem(served.get(path), 422, code)
    assert served.client.head(path).status_code == 422


def test_one_parcel_whose_notice_was_planned_before_all_rules_breaks_off_no_file(served, service, monkeypatch):
    parcels = service.snapshot().parcels
    known = [*parcels.notices()]
    monkeypatch.setattr(type(parcels), "notices", lambda parcels: iter([*known[:-1], (known[-1][0], date(1990, 1, 1))]))
    problem(served.get("/collections/verdicts/export.geojson"), 422, "no_rules_on_date")
    assert served.get(f"/collections/verdicts/export.geojson?as_of={AS_OF}").status_code == 200


def test_what_is_withheld_is_in_no_file(served):
    assert served.get("/collections/ore/export.geojson").status_code == 404
    for collection in served.get("/collections").json()["collections"]:
        text = served.get(f"/collections/{collection['id']}/export.geojson").text
        assert SECRET not in json.dumps(json.loads(text), ensure_ascii=False)


def leave(served, path: str) -> None:
    """Ask for a file, take the beginning of it, and go away."""
    with served.client.stream("GET", path, headers={"Accept-Encoding": "identity"}) as answer:
        assert answer.status_code == 200
        next(answer.iter_raw(1000))


def test_a_file_that_nobody_takes_any_longer_is_closed(served, tmp_path, monkeypatch):
    large = tmp_path / "large.geojson"
    with large.open("wb") as file:
        file.truncate(200_000_000)
    monkeypatch.setattr(Service, "whole_layer", lambda service, edition: Copy(large, "0" * 64))

    def held() -> bool:
        for entry in Path("/proc/self/fd").iterdir():
            # Others may be closed while it is looked.
            with suppress(FileNotFoundError):
                if entry.samefile(large):
                    return True
        return False

    for _ in range(50):
        leave(served, "/collections/parcels/export.geojson")
    wait_for(lambda: not held())


def test_verdicts_that_nobody_takes_any_longer_are_not_concluded(served, service, monkeypatch):
    gone, written = threading.Event(), []
    real = exports.feature

    def slow(items, row, reference):
        if written:
            # The others wait for whoever goes away.
            gone.wait(60)
        written.append(row)
        return real(items, row, reference) | {"padding": "x" * 3_000_000}

    monkeypatch.setattr(exports, "feature", slow)
    threads = threading.active_count()
    leave(served, "/collections/verdicts/export.geojson")
    gone.set()
    wait_for(lambda: threading.active_count() <= threads)
    time.sleep(0.5)
    assert len(written) < len(service.parcels) / 2
