"""Pages and tiles of a state that is over take no room."""

from __future__ import annotations

from geo_service.api.pages import Pages


def test_a_page_of_a_newer_state_takes_the_place_of_older_ones_and_of_no_other() -> None:
    pages, drawn = Pages(), []

    def page(moment: int, *more: object) -> None:
        pages.drawn((moment, moment, more), lambda _: drawn.append((moment, *more)) or "<p>")

    for asked in ((1, "map"), (1, "map"), (1, "parcel"), (2, "map"), (1, "parcel"), (2, "map")):
        page(*asked)
    # An answer that was on its way for the older state is drawn once more, and takes nothing from the newer.
    assert drawn == [(1, "map"), (1, "parcel"), (2, "map"), (1, "parcel")]
    page(3, "map")
    assert len(drawn) == 5
    page(2, "map")
    assert drawn[-1] == (2, "map")
