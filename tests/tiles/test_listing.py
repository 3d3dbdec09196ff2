"""The list of very many parcels: every parcel once, in the planner's order, found by any part of what it is called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.api.app import create_app
from geo_service.maps.listing import NOT_YET, Line, Listing
from geo_service.model.units import mu
from geo_service.service import Service
from geo_service.store.definitions import bundled
from tests.api.serving import AS_OF, OPEN, build, running

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
        page = listing.page(words, status, least_mu, len(rows), step)
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
    counts = listing.page("", None, None, 0, 1)["counts"]
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
    assert [row["id"] for row in Listing([other, wanted]).page(words, None, None, 0, 9)["rows"]] == ["CZGX-2024-001"]


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


@pytest.mark.parametrize(
    "query", ["verdict=perhaps", "limit=0", "offset=-1", "min_area_mu=-1", "colour=red", "as_of=soon"]
)
def test_what_is_asked_wrongly_is_refused(served, query):
    answer = served.get(f"/map/list?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
