"""What is left out as noise never hides land, an open question, or ground that nobody has looked at."""

from __future__ import annotations

from tests.world import box, found, ready_world


def test_strips_of_two_classes_side_by_side_are_land_together() -> None:
    world = ready_world().with_rows(
        "heritage",
        {"geometry": box(100, 100, 100.08, 110), "class": "control"},
        {"geometry": box(100.08, 100, 100.16, 110), "class": "protection"},
    )
    entry = found(world.record(), "HERITAGE")
    assert (entry["outcome"], entry["severity"]) == ("affected", "blocking")


def test_a_strip_that_only_a_surveyor_can_settle_outweighs_a_lesser_class_that_is_touched() -> None:
    world = ready_world().with_rows(
        "heritage",
        {"geometry": box(100, 100, 200, 300), "class": "control"},
        {"geometry": box(290, 100, 290.08, 300), "class": "protection"},
    )
    body = world.record()
    assert (found(body, "HERITAGE")["outcome"], found(body, "HERITAGE")["severity"]) == ("review", "blocking")
    assert body["verdict"]["status"] == "undetermined"


def test_a_class_that_is_known_to_block_outweighs_one_that_is_unclear() -> None:
    world = ready_world().with_rows(
        "heritage",
        {"geometry": box(100, 100, 200, 300), "class": "protection"},
        {"geometry": box(200, 100, 300, 300), "class": None},
    )
    assert found(world.record(), "HERITAGE")["outcome"] == "affected"


def test_a_thin_strip_of_withheld_data_beyond_one_square_metre_is_no_data() -> None:
    strip = {"geometry": box(100, 100, 100.08, 300), "class": "protection", "status": "withheld"}
    entry = found(ready_world().with_rows("heritage", strip).record(), "HERITAGE")
    assert (entry["outcome"], entry["reason"]) == ("no_data", "withheld")


def test_a_thin_strip_without_survey_beyond_one_square_metre_is_no_data_under_a_hard_rule() -> None:
    survey = {"geometry": box(100.08, 0, 400, 400), "class": "surveyed"}
    entry = found(ready_world().only_rows("farmland", survey).record(), "FARM")
    assert (entry["outcome"], entry["reason"]) == ("no_data", "partly_surveyed")


def test_a_parcel_that_is_thin_itself_is_not_covered_by_nothing() -> None:
    world = ready_world().with_parcel(geometry=box(100, 100, 100.08, 300)).only_rows("assessment_scopes")
    entry = found(world.record(), "EIA")
    assert entry["outcome"] == "not_covered"
    assert entry["coverage"]["noise_m2"] == 0.0
