"""The list of very many parcels: every parcel once, in the planner's order, found by any part of what it is called."""

from __future__ import annotations

import io
import json
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from geo_service import service as services
from geo_service.api.app import create_app
from geo_service.api.routes import listing
from geo_service.maps.listing import NOT_YET, Line, Listing
from geo_service.model.units import mu
from geo_service.service import Service
from geo_service.store.definitions import bundled
from geo_service.store.workspace import Workspace
from geo_service.workbook import Sheet, workbook
from tests.api.serving import AS_OF, ODD, OPEN, build, run, running

STATUSES = ("not_ready", "undetermined", "conditional", "ready", None)
BOX = (113.0, 36.0, 113.01, 36.01)

lines = st.lists(
    st.builds(
        Line,
        st.text("ＡBc1２ -地块", min_size=1, max_size=6),
        st.sampled_from(["", "示例 地块", "厂区"]),
        st.sampled_from(["Z", ""]),
        st.sampled_from(["", "140421001002GB00003W00000000"]),
        st.sampled_from(["", "某镇某村"]),
        st.one_of(st.none(), st.floats(1.0, 1e6)),
        st.sampled_from(["", "2026-12-01", "2026-11-25"]),
        st.sampled_from(STATUSES),
        st.just(BOX),
    ),
    max_size=25,
    unique_by=lambda line: line.id,
)


def every(listing: Listing, step: int, *, words: str = "", status: str | None = None, least_mu: float | None = None):
    """Read a list page by page."""
    rows: list[dict] = []
    while True:
        page = listing.page(listing.matching(words, status, least_mu), len(rows), step, {})
        rows += page["rows"]
        if not page["rows"]:
            assert page["matched"] == len(rows)
            return rows


@given(lines, st.integers(1, 7))
def test_pages_together_hold_every_parcel_once_in_order(found, step):
    rows = every(Listing(found), step)
    assert sorted(row["id"] for row in rows) == sorted(line.id for line in found)
    keys = [(row["notice"] or "9999", STATUSES.index(row["status"]), row["id"]) for row in rows]
    assert keys == sorted(keys)


@given(lines)
def test_counters_and_filters_agree(found):
    listing = Listing(found)
    counts = listing.page(listing.matching("", None, None), 0, 1, {})["counts"]
    assert sum(counts.values()) == len(found)
    for status, count in counts.items():
        rows = every(listing, 50, status=status)
        assert len(rows) == count
        assert {row["status"] or NOT_YET for row in rows} <= {status}


@given(lines, st.floats(0, 2000))
def test_a_parcel_of_unknown_area_is_in_no_list_by_area(found, least_mu):
    wanted = {line.id for line in found if line.area_m2 is not None and mu(line.area_m2) >= least_mu}
    assert {row["id"] for row in every(Listing(found), 50, least_mu=least_mu)} == wanted


@pytest.mark.parametrize(
    "words", ["czgx-2024", "ＣＺＧＸ－２０２４ －００１", "示例地块", "gb00003", "某村", "2024-001"]
)
def test_found_by_any_part_in_any_width_with_any_blanks(words):
    wanted = Line("CZGX-2024-001", "示例 地块", "Z", "140421001002GB00003W00000000", "某镇某村", 1.0, "", None, BOX)
    other = Line("X-9", "厂区", "Z", "", "", 1.0, "", "ready", BOX)
    assert [line.id for line in Listing([other, wanted]).matching(words, None, None)] == ["CZGX-2024-001"]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    service = Service(build(tmp_path_factory.mktemp("listing") / "ws", bundled()[0]), lambda: AS_OF)
    service.statuses(service.snapshot(), service.as_of(None))
    with running(create_app(service, policy=OPEN), service) as found:
        yield found


def test_the_service_lists_what_its_records_say(served):
    found = served.get("/map/list", params={"limit": 500}).json()
    assert found["matched"] == len(served.service.parcels) == len(found["rows"])
    for row in found["rows"]:
        record = served.service.record(row["id"])
        assert row["status"] == record["verdict"]["status"]
        assert float(row["mu"].replace("\u2009", "")) == pytest.approx(record["parcel"]["area_mu"], abs=0.01)
        west, south, east, north = row["box"]
        assert 73 < west < east < 136 and 3 < south < north < 54


def inline(served) -> dict[str, dict]:
    """What the page of few parcels holds of each."""
    html = served.get("/map").text
    data = json.loads(html.split('<script type="application/json" id="data">')[1].split("</script>")[0])
    return {parcel["id"]: parcel for parcel in data["parcels"]}


def test_each_line_says_the_first_problem_as_the_page_of_few_parcels_does(served):
    few = inline(served)
    rows = served.get("/map/list", params={"limit": 500}).json()["rows"]
    assert {row["id"]: row["problem"] for row in rows} == {id_: parcel["problem"] for id_, parcel in few.items()}
    assert len({tuple(row["problem"]) for row in rows}) > 1


def test_of_very_many_parcels_the_first_problem_is_that_of_the_last_run(served, tmp_path, monkeypatch):
    workspace = Workspace.open(shutil.copytree(served.service.workspace.directory, tmp_path / "many"))
    service = Service(workspace, lambda: AS_OF)
    few = inline(served)
    monkeypatch.setattr(services, "FEW_PARCELS", 3)
    with running(create_app(service, policy=OPEN), service) as many:
        assert {row["problem"] for row in many.get("/map/list").json()["rows"]} == {None}
        for row in sheet(many.get("/map/list.xlsx"), 0):
            assert row["结论"] == "未核查" and row["首要问题"] is None
        run(workspace)
        rows = many.get("/map/list", params={"limit": 500}).json()["rows"]
        assert {row["id"]: row["problem"] for row in rows} == {id_: parcel["problem"] for id_, parcel in few.items()}
        listed = {row["宗地编号"]: row["首要问题"] for row in sheet(many.get("/map/list.xlsx"), 0)}
        assert listed == {id_: parcel["problem"][0] for id_, parcel in few.items()}


def sheet(answer, place: int) -> list[dict[str, object]]:
    """Read a sheet of a workbook as a spreadsheet program does: rows by heading."""
    assert answer.status_code == 200, answer.text
    target = load_workbook(io.BytesIO(answer.content)).worksheets[place]
    headings, *rows = target.iter_rows()
    assert not [cell.coordinate for row in rows for cell in row if cell.data_type == "f"]
    return [{heading.value: cell.value for heading, cell in zip(headings, row, strict=True)} for row in rows]


def test_the_list_can_be_taken_along_with_what_each_parcel_lacks_by_whom(served):
    answer = served.get("/map/list.xlsx")
    assert answer.headers["content-disposition"] == 'attachment; filename="parcels.xlsx"'
    assert answer.content == served.get("/map/list.xlsx").content
    listed = served.get("/map/list", params={"limit": 500}).json()["rows"]
    parcels, lacking = sheet(answer, 0), sheet(answer, 1)
    assert [row["宗地编号"] for row in parcels] == [row["id"] for row in listed]
    assert [row["首要问题"] for row in parcels] == [row["problem"][0] for row in listed]
    for row in parcels:
        record = served.service.record(row["宗地编号"])
        reasons = record["verdict"]["reasons"]
        own = [one for one in lacking if one["宗地编号"] == row["宗地编号"]]
        assert len(own) == len(reasons)
        assert {one["说明"] for one in own} == {reason["message"]["zh"] for reason in reasons}
        assert {one["责任单位"] for one in own} == {reason["owner"].partition(" / ")[0] or None for reason in reasons}
        assert row["出让面积（㎡）"] == pytest.approx(record["parcel"]["area_m2"], abs=0.005)
        assert row["校验码"] == record["provenance"]["digest"]
        kinds = [row["公告前必办（项）"], row["资料不足（项）"], row["条件（项）"]]
        effects = [reason["effect"] for reason in reasons]
        assert kinds == [effects.count(effect) for effect in ("not_ready", "undetermined", "condition")]


def test_the_filter_of_the_list_is_that_of_its_spreadsheet(served):
    for query in ({"verdict": "undetermined"}, {"q": "s-0"}, {"min_area_mu": 20.0}, {"q": "nobody"}):
        rows = served.get("/map/list", params={"limit": 500, **query}).json()["rows"]
        found = sheet(served.get("/map/list.xlsx", params=query), 0)
        assert [row["宗地编号"] for row in found] == [row["id"] for row in rows]


def test_chosen_parcels_come_in_the_order_in_which_they_were_chosen(served):
    chosen = ["S-05", ODD, "P"]
    answer = served.client.post("/map/list.xlsx", params={"lang": "en"}, json={"ids": chosen})
    found = sheet(answer, 0)
    assert [row["Parcel no."] for row in found] == chosen
    assert found[1]["Name"] == "<script>alert(1)</script>"
    assert served.client.post("/map/list.xlsx", json={"ids": ["nobody"]}).status_code == 404
    assert served.client.post("/map/list.xlsx", json={"ids": "P"}).status_code in (400, 422)


@given(st.text(max_size=12).map("=".__add__) | st.sampled_from(["140421001002GB00003W00000000", "@SUM(1)", "+1", "-1"]))
def test_text_stays_text_in_a_spreadsheet(words):
    written = workbook([Sheet("表", ("编号",), (10,), [(words,)])])
    cell = load_workbook(io.BytesIO(written)).worksheets[0]["A2"]
    assert cell.data_type == "s"
    printable = "".join(letter for letter in words if letter >= " " or letter in "\t\n\r")
    assert cell.value.replace("\r", "\n") == printable.replace("\r\n", "\n").replace("\r", "\n") or not printable


def test_more_than_a_workbook_holds_is_refused_with_a_next_step(served, monkeypatch):
    monkeypatch.setattr(listing, "MOST_ROWS", 3)
    answer = served.get("/map/list.xlsx")
    assert answer.status_code == 422
    assert "筛选" in answer.json()["next"]["zh"]
    assert served.get("/map/list.xlsx?q=P").status_code == 200


@pytest.mark.parametrize(
    "query", ["verdict=perhaps", "limit=0", "offset=-1", "min_area_mu=-1", "colour=red", "as_of=soon"]
)
def test_what_is_asked_wrongly_is_refused(served, query):
    answer = served.get(f"/map/list?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
