"""The planner's first day, told with its numbers, on a small synthetic world (stories 2 to 10)."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import shapely

from geo_service.model.register import ClaimKind, IndicatorValue, Reach
from geo_service.model.units import THIN_SPACE
from tests.world import ORIGIN, World, at, box, claim, found, grid, line, ready_world

THREE_HUNDRED_METRES = (0.0, 0.0, 400.0, 200.0)


def first_reason(body: dict) -> dict:
    return body["verdict"]["reasons"][0]


def codes(body: dict, effect: str) -> list[str]:
    return [reason["code"] for reason in body["verdict"]["reasons"] if reason["effect"] == effect]


class TestNotOurLandYet:
    """Story 2: 80 000 ㎡ of dry farmland."""

    @pytest.fixture
    def farmland(self) -> World:
        world = ready_world().with_parcel(geometry=box(*THREE_HUNDRED_METRES))
        return world.only_rows(
            "present_use", {"geometry": box(-500, -500, 900, 900), "code": "0103", "code_system": "survey3"}
        )

    def test_without_approval_it_is_not_ready_and_that_is_said_first(self, farmland: World) -> None:
        body = farmland.only_rows("land_approvals").record()
        assert body["verdict"]["status"] == "not_ready"
        assert first_reason(body)["message"]["zh"].startswith(f"农转用征收未批 80{THIN_SPACE}000.00㎡")

    def test_wholly_approved_farmland_is_no_block_but_is_said(self, farmland: World) -> None:
        body = farmland.record()
        assert body["verdict"]["status"] == "ready"
        land_use = found(body, "LANDUSE")
        assert land_use["outcome"] == "clear"
        assert "已批转用" in land_use["message"]["zh"]

    def test_an_approval_of_7_2_ha_leaves_8000_m2(self, farmland: World) -> None:
        body = farmland.only_rows(
            "land_approvals", {"geometry": box(0, 0, 360, 200), "doc_no": "晋自然资函〔2025〕示例号"}
        ).verdict()
        pieces = [piece for finding in body.constraints for piece in finding.pieces if piece.code == "LANDAPPROVAL"]
        assert body.decision.status == "not_ready"
        assert [piece.area_m2 for piece in pieces] == [pytest.approx(8000.0)]
        assert pieces[0].geometry.area == pytest.approx(8000.0)

    def test_without_the_approval_layer_nothing_is_clear(self, farmland: World) -> None:
        body = farmland.without("land_approvals").record()
        assert body["verdict"]["status"] == "undetermined"
        assert found(body, "LANDAPPROVAL")["reason"] == "layer_missing"
        assert found(body, "LANDUSE")["outcome"] == "no_data"


class TestTheAdjustmentRing:
    """Story 3: 100 000 ㎡, of which 38 000 lie in the applied-for ring."""

    @pytest.fixture
    def ring(self) -> World:
        world = ready_world().with_parcel(geometry=box(2690, 0, 3190, 200))
        return world.with_rows(
            "zones",
            {
                "id": "Z-V2",
                "zone": "Z",
                "name": "示例开发区（调区）",
                "geometry": box(-2000, -2000, 4000, 3000),
                "version_status": "applied",
            },
        )

    def test_the_ring_counts_for_nothing_until_it_is_approved(self, ring: World) -> None:
        body = ring.record()
        zone = found(body, "ZONE")
        assert zone["outcome"] == "affected"
        assert {part["class"]: part["area_m2"] for part in zone["parts"]} == {
            "pending_adjustment": pytest.approx(38000.0)
        }
        for entry in body["assessments"]:
            assert entry["outcome"] == "partly_covered"
            assert entry["coverage"]["share"] == pytest.approx(0.62)
            assert entry["coverage"]["uncovered_m2"] == pytest.approx(38000.0)
        assert body["verdict"]["status"] == "not_ready"

    def test_ground_outside_both_boundaries_is_told_from_the_ring(self, ring: World) -> None:
        verdict = ring.with_parcel(geometry=box(3900, 0, 4100, 200)).verdict()
        pieces = {piece.cls: piece for found in verdict.constraints for piece in found.pieces if piece.code == "ZONE"}
        assert pieces["pending_adjustment"].geometry.area == pytest.approx(20000.0)
        assert pieces["outside"].geometry.area == pytest.approx(20000.0)
        assert pieces["outside"].area_m2 == pytest.approx(20000.0)

    def test_a_new_boundary_does_not_stretch_old_reports(self, ring: World) -> None:
        body = ring.changed_rows("zones", {"version_status": "applied"}, version_status="approved").record()
        assert found(body, "ZONE")["outcome"] == "clear"
        assert {entry["outcome"] for entry in body["assessments"]} == {"partly_covered"}
        assert body["verdict"]["status"] == "not_ready"

    def test_supplementary_reports_for_the_new_version_cover_it(self, ring: World) -> None:
        world = ring.changed_rows("zones", {"version_status": "applied"}, version_status="approved")
        extra = [
            {
                "id": f"{entry['code']}-2",
                "code": entry["code"],
                "report_no": f"补充-{entry['code']}",
                "approved_on": date(2026, 9, 1),
                "valid_to": date(2031, 8, 31),
                "progress": "approved",
                "zone_version": "Z-V2",
            }
            for entry in ring.record()["assessments"]
        ]
        body = world.with_rows("assessment_scopes", *extra).record()
        assert {entry["outcome"] for entry in body["assessments"]} == {"covered"}


class TestDates:
    """Story 4."""

    def test_the_last_day_counts_and_the_next_does_not(self) -> None:
        world = ready_world().changed_rows("assessment_scopes", {"code": "SWC"}, valid_to=date(2026, 11, 30))
        on_last_day = found(world.record(date(2026, 11, 30)), "SWC")
        assert (on_last_day["outcome"], on_last_day["reports"][0]["days_left"]) == ("covered", 0)
        body = world.record(date(2026, 12, 1))
        assert found(body, "SWC")["outcome"] == "expired"
        assert body["verdict"]["status"] == "not_ready"

    def test_a_new_report_beside_the_old_one_covers_again(self) -> None:
        world = ready_world().changed_rows("assessment_scopes", {"code": "SWC"}, valid_to=date(2026, 11, 30))
        world = world.with_rows(
            "assessment_scopes",
            {
                "id": "SWC-2",
                "code": "SWC",
                "report_no": "水保〔2026〕新号",
                "approved_on": date(2026, 11, 1),
                "progress": "approved",
                "geometry": box(0, 0, 500, 500),
            },
        )
        entry = found(world.record(), "SWC")
        assert entry["outcome"] == "covered"
        assert [report["report_no"] for report in entry["reports"]] == ["水保〔2026〕新号", "示例〔2025〕SWC"]
        assert [report["in_force"] for report in entry["reports"]] == [True, False]

    def test_a_report_that_ends_inside_the_window_is_a_dated_condition(self) -> None:
        world = ready_world().changed_rows("assessment_scopes", {"code": "EIA"}, valid_to=date(2027, 1, 15))
        body = world.record()
        assert body["verdict"]["status"] == "conditional"
        assert body["verdict"]["valid_until"] == "2027-01-15"
        (reason,) = body["verdict"]["reasons"]
        assert (reason["code"], reason["outcome"], reason["effect"]) == ("EIA", "covered", "condition")
        assert "2027-01-15" in reason["clause"]["zh"]
        assert "2027-01-15" in reason["clause"]["en"]


class TestWaivedWithAFireRisk:
    """Story 5."""

    @pytest.fixture
    def waived(self) -> World:
        return ready_world().changed_rows(
            "assessment_scopes", {"code": "SEI"}, progress="waived", report_no=None, waiver_doc_no="震函〔2025〕7号"
        )

    def test_a_waiver_with_its_document_holds(self, waived: World) -> None:
        entry = found(waived.record(), "SEI")
        assert entry["outcome"] == "waived"
        assert entry["waiver"]["document"] == "震函〔2025〕7号"

    def test_a_flammable_project_needs_its_own(self, waived: World) -> None:
        body = waived.with_parcel(project_type="涂料（易燃）").record()
        assert found(body, "SEI")["outcome"] == "excluded"
        (reason,) = [reason for reason in body["verdict"]["reasons"] if reason["code"] == "SEI"]
        assert reason["effect"] == "condition"
        assert "企业另行开展地震安全性评价" in reason["clause"]["zh"]

    def test_an_unknown_type_lists_what_may_not_use_it(self, waived: World) -> None:
        body = waived.with_parcel(project_type=None).record()
        assert found(body, "SEI")["outcome"] == "waived"
        (reason,) = [reason for reason in body["verdict"]["reasons"] if reason["code"] == "SEI"]
        assert "火灾" in reason["clause"]["zh"]

    def test_outside_the_waived_version_nothing_is_waived(self, waived: World) -> None:
        world = waived.with_parcel(geometry=box(3100, 0, 3300, 200)).with_rows(
            "zones", {"id": "Z-V2", "zone": "Z", "geometry": box(-2000, -2000, 4000, 3000), "version_status": "applied"}
        )
        assert found(world.record(), "SEI")["outcome"] == "not_covered"

    def test_a_waiver_without_its_document_is_no_data(self, waived: World) -> None:
        body = waived.changed_rows("assessment_scopes", {"code": "SEI"}, waiver_doc_no=None).record()
        assert (found(body, "SEI")["outcome"], found(body, "SEI")["reason"]) == ("no_data", "no_document")
        assert body["verdict"]["status"] == "undetermined"


class TestTheFarmlandLine:
    """Story 6."""

    def test_a_strip_of_4_cm_is_noise_and_is_said(self) -> None:
        body = ready_world().with_rows("farmland", {"id": "f", "geometry": box(150, 299.96, 160, 310)}).record()
        entry = found(body, "FARM")
        assert entry["outcome"] == "clear"
        assert entry["coverage"]["noise_m2"] == pytest.approx(0.40)
        assert "按容差忽略 0.40㎡（宽0.04m）" in entry["message"]["zh"]
        assert body["verdict"]["status"] == "ready"

    def test_twelve_square_metres_are_not(self) -> None:
        body = ready_world().with_rows("farmland", {"id": "f", "geometry": box(150, 298.8, 160, 310)}).record()
        entry = found(body, "FARM")
        assert entry["outcome"] == "affected"
        assert "12.00㎡" in entry["message"]["zh"]
        assert body["verdict"]["status"] == "not_ready"

    def test_a_long_thin_strip_is_for_the_surveyor(self) -> None:
        body = ready_world().with_rows("farmland", {"id": "f", "geometry": box(150, 299.95, 182, 310)}).record()
        assert found(body, "FARM")["outcome"] == "review"
        assert body["verdict"]["status"] == "undetermined"

    def test_without_the_layer_nothing_is_known(self) -> None:
        assert ready_world().without("farmland").record()["verdict"]["status"] == "undetermined"

    def test_a_corner_outside_the_zone_is_never_rounded_away(self) -> None:
        block = shapely.union_all([shapely.box(2600, 2500, 3000, 3000), shapely.box(2990, 2999, 3000, 3010)])
        world = ready_world().with_parcel(geometry=at(block))
        body = world.record()
        zone = found(body, "ZONE")
        assert zone["outcome"] == "affected"
        assert zone["coverage"]["uncovered_m2"] == pytest.approx(100.0)
        assert 0.9994 < zone["coverage"]["share"] < 0.9996
        assert "100.00㎡" in zone["message"]["zh"]
        for entry in body["assessments"]:
            assert entry["outcome"] != "covered"
            assert "缺100.00㎡" in entry["message"]["zh"]
            assert "99.95 %" in entry["message"]["zh"]


class TestIsWaterThere:
    """Story 7."""

    @staticmethod
    def main_at(distance_m: float) -> World:
        survey = {"id": "survey", "geometry": box(-20000, -20000, 20000, 20000), "class": "surveyed"}
        pipe = {"id": "w1", "geometry": line((100 - distance_m, 0), (100 - distance_m, 400)), "state": "in_service"}
        return ready_world().only_rows("water_mains", survey, pipe)

    def test_a_claim_that_the_network_contradicts_is_shown_with_both(self) -> None:
        body = self.main_at(412.6).record()
        entry = found(body, "WATER")
        assert (entry["outcome"], entry["network"]) == ("review", "near")
        assert entry["distance_m"] == pytest.approx(412.6)
        assert len(entry["claims"]) == 1
        assert "412.6m" in entry["message"]["zh"]
        assert body["verdict"]["status"] == "undetermined"

    def test_a_main_within_reach_and_a_claim_agree(self) -> None:
        entry = found(self.main_at(3.0).record(), "WATER")
        assert (entry["outcome"], entry["basis"]) == ("met", ["claim", "network"])

    def test_a_main_without_a_paper_is_not_enough(self) -> None:
        entry = found(self.main_at(3.0).with_claims(instead_of="WATER").record(), "WATER")
        assert (entry["outcome"], entry["reason"]) == ("unknown", "no_claim")

    def test_an_old_paper_is_stale(self) -> None:
        world = self.main_at(3.0).with_claims(claim("WATER", dated_on=date(2025, 10, 1)), instead_of="WATER")
        entry = found(world.record(), "WATER")
        assert (entry["outcome"], entry["reason"]) == ("unknown", "stale")

    @pytest.mark.parametrize(("due_on", "status"), [(date(2027, 3, 1), "conditional"), (date(2027, 6, 1), "not_ready")])
    def test_what_is_planned_must_be_there_at_the_handover(self, due_on: date, status: str) -> None:
        planned = claim("WATER", reach=Reach.PLANNED, funded=True, due_on=due_on)
        body = self.main_at(412.6).with_claims(planned, instead_of="WATER").record()
        assert found(body, "WATER")["outcome"] == "planned"
        assert body["verdict"]["status"] == status

    def test_temporary_power_is_met_with_a_clause_that_names_the_permanent_date(self) -> None:
        temporary = claim("POWER", kind=ClaimKind.TEMPORARY)
        permanent = claim("POWER", reach=Reach.PLANNED, funded=True, due_on=date(2027, 3, 1), document="供电方案")
        body = ready_world().with_claims(temporary, permanent, instead_of="POWER").record()
        entry = found(body, "POWER")
        assert (entry["outcome"], entry["kind"]) == ("met", "temporary")
        assert "（临时）" in entry["message"]["zh"]
        (reason,) = body["verdict"]["reasons"]
        assert "2027-03-01" in reason["clause"]["zh"]


class TestLevel:
    """Story 8."""

    @staticmethod
    def ground(values: np.ndarray) -> World:
        return ready_world().with_edition(grid("ground_elevation", values, west=-200, north=800))

    def test_92_percent_within_30_cm_is_partly_level(self) -> None:
        values = np.full((200, 200), 912.0)
        inside = np.zeros(1600, dtype=bool)
        inside[:128] = True
        # The parcel is the 40 × 40 cells from row 100 and column 60; 8 % of them lie 0.5 m too high.
        values[100:140, 60:100][inside.reshape(40, 40)] = 912.5
        entry = found(self.ground(values).with_claims(instead_of="LEVEL").record(), "LEVEL")
        assert entry["share_within_tolerance"] == pytest.approx(0.92)
        assert entry["outcome"] == "partial"
        assert entry["cut_m3"] == pytest.approx(128 * 25 * 0.5)
        body = self.ground(values).with_claims(instead_of="LEVEL").record()
        assert body["verdict"]["status"] == "conditional"
        assert f"1{THIN_SPACE}600m³" in body["verdict"]["reasons"][0]["clause"]["zh"]

    def test_three_platforms_are_judged_each_by_its_own_level(self) -> None:
        values = np.full((200, 200), 912.0)
        values[100:140, 73:87] = 915.6
        values[100:140, 87:100] = 918.9
        platforms = [
            {"id": "t1", "geometry": box(90, 90, 165, 310), "design_elevation_m": 912.0},
            {"id": "t2", "geometry": box(165, 90, 235, 310), "design_elevation_m": 915.5},
            {"id": "t3", "geometry": box(235, 90, 310, 310), "design_elevation_m": 919.0},
        ]
        entry = found(self.ground(values).with_rows("platforms", *platforms).record(), "LEVEL")
        assert entry["design"] == "platforms"
        assert entry["outcome"] == "met"

    def test_without_a_design_a_newer_survey_stands_alone(self) -> None:
        nothing = np.full((200, 200), np.nan)
        world = ready_world().with_edition(grid("design_elevation", nothing, west=-200, north=800))
        entry = found(world.record(), "LEVEL")
        assert (entry["outcome"], entry["design"]) == ("met", "none")
        assert "仅证明" in entry["message"]["zh"]
        entry = found(world.with_claims(instead_of="LEVEL").record(), "LEVEL")
        assert (entry["outcome"], entry["reason"]) == ("unknown", "no_claim")

    def test_holes_in_the_terrain_are_reported_and_never_level(self) -> None:
        values = np.full((200, 200), 912.0)
        values[100:140, 60:62] = np.nan
        entry = found(self.ground(values).record(), "LEVEL")
        assert entry["nodata_share"] == pytest.approx(0.05)
        assert entry["outcome"] == "unknown"


class TestCoalAndGas:
    """Story 9."""

    def test_an_approved_overlay_is_a_condition_and_an_unapproved_one_stops(self) -> None:
        ore = {"id": "o", "geometry": box(0, 0, 200, 400), "mineral": "煤", "strategic": False}
        body = ready_world().with_rows("ore", {**ore, "approval_doc_no": "自然资矿函〔2025〕示例号"}).record()
        assert body["verdict"]["status"] == "conditional"
        assert body["verdict"]["reasons"][0]["clause"]["zh"]
        assert ready_world().with_rows("ore", ore).record()["verdict"]["status"] == "not_ready"

    def test_a_gas_block_over_everything_needs_a_letter_and_blocks_nothing(self) -> None:
        gas = {"id": "g", "geometry": box(-5000, -5000, 5000, 5000), "kind": "coal_bed_methane"}
        body = ready_world().with_rows("mining_rights", gas).record()
        assert body["verdict"]["status"] == "conditional"
        assert "互不影响" in body["verdict"]["reasons"][0]["clause"]["zh"]

    @pytest.mark.parametrize(("as_of", "outcome"), [(date(2026, 11, 20), "clear"), (date(2026, 11, 21), "no_data")])
    def test_a_query_of_the_mineral_register_is_good_for_six_months(self, as_of: date, outcome: str) -> None:
        survey = {"id": "s", "geometry": box(-9000, -9000, 9000, 9000), "class": "surveyed"}
        body = ready_world().only_rows("ore", survey, edition_date=date(2026, 5, 20)).record(as_of)
        assert found(body, "ORE")["outcome"] == outcome
        assert found(body, "ORE")["reason"] == (None if outcome == "clear" else "stale")
        assert body["verdict"]["status"] == ("ready" if outcome == "clear" else "undetermined")


class TestStandardsAndCaps:
    """Story 10."""

    @staticmethod
    def with_value(value: float | None, unit: str = "万元/亩") -> World:
        entry = IndicatorValue("P", "fixed_investment_intensity", value, unit, "示例〔2026〕1号")
        return ready_world().with_parcel(indicators=() if value is None else (entry,))

    @pytest.mark.parametrize(("value", "unit"), [(350.0, "万元/亩"), (300.0, "万元/亩"), (4500.0, "万元/公顷")])
    def test_what_reaches_the_standard_is_set(self, value: float, unit: str) -> None:
        entry = found(self.with_value(value, unit).record(), "fixed_investment_intensity")
        assert entry["outcome"] == "set"
        if unit == "万元/公顷":
            assert entry["value"] == 300.0

    def test_a_hair_below_is_below(self) -> None:
        body = self.with_value(299.99).record()
        assert found(body, "fixed_investment_intensity")["outcome"] == "below_standard"
        assert "299.99" in found(body, "fixed_investment_intensity")["message"]["zh"]
        assert body["verdict"]["status"] == "not_ready"

    def test_what_is_not_set_is_missing(self) -> None:
        body = self.with_value(None).record()
        assert found(body, "fixed_investment_intensity")["outcome"] == "missing"
        assert body["verdict"]["status"] == "not_ready"


def test_the_working_crs_is_the_zones() -> None:
    body = ready_world().record()
    assert body["parcel"]["crs"] == "EPSG:4547"
    assert ready_world().parcel.geometry.bounds[0] == ORIGIN[0] + 100
