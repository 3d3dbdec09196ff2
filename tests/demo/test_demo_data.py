"""Every parcel of the demo zone shows what its name says, with the numbers of the stories."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely

from geo_service.export.record import Record
from geo_service.ingest import read_boundaries
from geo_service.model import enums
from geo_service.model.units import mu
from geo_service.projection import project
from geo_service.store.definitions import bundled, load_catalogue, load_rulebook
from tests.demo.conftest import DEMO, Demo

MADE = {".geojson", ".tif", ".xlsx", ".txt", ".toml"}
CASES: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    # case, verdict, the codes that decide it with their outcomes
    ("A", "conditional", (("EIA", "covered"), ("POWER", "met"))),
    ("B", "not_ready", (("ZONE", "affected"), ("GEO", "partly_covered"), ("SEI", "partly_covered"))),
    ("C", "ready", (("FARM", "clear"),)),
    ("D", "not_ready", (("FARM", "affected"),)),
    ("C2", "undetermined", (("FARM", "review"),)),
    ("E", "not_ready", (("HAZARD", "affected"),)),
    ("F", "conditional", (("ORE", "affected"),)),
    ("F2", "not_ready", (("ORE", "affected"),)),
    ("G", "conditional", (("SEI", "excluded"),)),
    ("G2", "undetermined", (("SEI", "no_data"),)),
    ("H1", "not_ready", (("SWC", "expired"),)),
    ("H2", "conditional", (("SWC", "covered"),)),
    ("H3", "conditional", (("SWC", "covered"),)),
    ("I", "conditional", (("WATER", "planned"),)),
    ("I2", "not_ready", (("WATER", "planned"),)),
    ("J", "conditional", (("LEVEL", "partial"),)),
    ("M", "not_ready", (("PLAN", "affected"),)),
    ("N", "not_ready", (("LANDAPPROVAL", "affected"), ("LANDUSE", "affected"))),
    ("N2", "not_ready", (("LANDAPPROVAL", "affected"),)),
    ("N3", "ready", (("LANDAPPROVAL", "clear"), ("LANDUSE", "clear"))),
    ("O", "conditional", (("MINERIGHT", "affected"),)),
    ("P", "not_ready", (("fixed_investment_intensity", "below_standard"),)),
    ("P2", "not_ready", (("tax_per_mu", "missing"),)),
    ("P3", "ready", (("fixed_investment_intensity", "set"),)),
    ("P4", "ready", (("fixed_investment_intensity", "set"),)),
    ("R", "conditional", (("POWER", "met"),)),
    ("S", "undetermined", (("WATER", "review"),)),
    ("T", "not_ready", (("HERITAGE", "affected"),)),
    ("U", "ready", (("LEVEL", "met"),)),
    ("V", "not_ready", (("ZONE", "affected"),)),
    ("W", "undetermined", (("PLAN", "review"),)),
    ("W2", "not_ready", (("PLAN", "affected"),)),
    ("outside", "not_ready", (("ZONE", "affected"), ("GEO", "no_data"))),
    ("seized", "not_ready", (("RIGHTS", "affected"),)),
    ("rights_review", "undetermined", (("RIGHTS", "review"),)),
    ("flooded", "conditional", (("FLOOD", "affected"),)),
    ("river", "not_ready", (("RIVER", "affected"),)),
    ("goaf", "not_ready", (("GOAF", "affected"),)),
    ("goaf_stable", "conditional", (("GOAF", "affected"),)),
    ("soil", "conditional", (("SOIL", "affected"),)),
    ("supplied", "not_ready", (("SUPPLIED", "affected"),)),
    ("control_zone", "conditional", (("HERITAGE", "affected"),)),
    ("withheld", "undetermined", (("HERITAGE", "no_data"),)),
    ("redline", "not_ready", (("ECO", "affected"),)),
    ("unsurveyed", "undetermined", (("HAZARD", "no_data"),)),
    ("partly_surveyed", "undetermined", (("HAZARD", "no_data"),)),
    ("short", "conditional", (("WATER", "partial"),)),
    ("capacity_unknown", "undetermined", (("WATER", "unknown"),)),
    ("code_system", "undetermined", (("PLAN", "no_data"),)),
    ("no_claim", "undetermined", (("WATER", "unknown"),)),
    ("stale_claim", "undetermined", (("WATER", "unknown"),)),
    ("not_level", "not_ready", (("LEVEL", "not_met"),)),
    ("level_review", "undetermined", (("LEVEL", "review"),)),
    ("dem_gap", "undetermined", (("LEVEL", "unknown"),)),
    ("level_no_claim", "undetermined", (("LEVEL", "unknown"),)),
    ("pending", "not_ready", (("FLD", "pending"),)),
    ("not_covered", "not_ready", (("HER", "not_covered"),)),
    ("excluded", "conditional", (("ENE", "excluded"),)),
    ("moderate", "conditional", (("HAZARD", "affected"),)),
    ("urban", "not_ready", (("URBAN", "affected"),)),
    ("basin", "conditional", (("DETENTION", "affected"),)),
    ("renewed", "ready", (("SWC", "covered"),)),
    ("real_mine", "not_ready", (("MINERIGHT", "affected"),)),
    ("no_standard", "undetermined", (("tax_per_mu", "no_standard"),)),
)


def entry(body: Record, code: str) -> Any:
    """The finding of a code, wherever it stands in the record."""
    ready = body["readiness"]
    every = [*body["assessments"], *body["constraints"], *ready["services"], ready["level"], *body["indicators"]]
    return next(found for found in every if found.get("code", "LEVEL") == code)


@pytest.mark.parametrize(("case", "status", "expected"), CASES, ids=[case for case, _, _ in CASES])
def test_a_case_shows_what_its_name_says(
    demo: Demo, case: str, status: str, expected: tuple[tuple[str, str], ...]
) -> None:
    body = demo.record(case)
    assert {code: entry(body, code)["outcome"] for code, _ in expected} == dict(expected)
    assert body["verdict"]["status"] == status
    deciding = {reason["code"] for reason in body["verdict"]["reasons"]}
    passing = {"covered", "clear", "met", "set"}
    assert {code for code, outcome in expected if outcome not in passing} <= deciding


def test_no_survey_at_all_and_half_a_survey_are_told_apart(demo: Demo) -> None:
    assert entry(demo.record("unsurveyed"), "HAZARD")["reason"] == "outside_surveyed_extent"
    half = entry(demo.record("partly_surveyed"), "HAZARD")
    assert half["reason"] == "partly_surveyed"
    assert 0 < half["coverage"]["unsurveyed_m2"] < demo.record("partly_surveyed")["parcel"]["area_m2"]


def test_every_case_of_the_manifest_is_looked_at(demo: Demo) -> None:
    assert set(demo.manifest["cases"]) == {case for case, _, _ in CASES}


def test_only_what_the_case_is_about_stands_in_its_way(demo: Demo) -> None:
    shared = {"A", "B", "V", "N", "N2", "outside", "river", "real_mine"}
    for case, status, expected in CASES:
        if case not in shared:
            deciding = {reason["code"] for reason in demo.record(case)["verdict"]["reasons"]}
            assert deciding == (set() if status == "ready" else {code for code, _ in expected}), case


def test_every_outcome_is_to_be_seen(demo: Demo) -> None:
    seen: dict[str, set[str]] = {}
    for body in demo.records.values():
        ready = body["readiness"]
        for kind, entries in (
            ("assessment", body["assessments"]),
            ("constraint", body["constraints"]),
            ("service", ready["services"]),
            ("level", [ready["level"]]),
            ("indicator", body["indicators"]),
            ("verdict", [{"outcome": body["verdict"]["status"]}]),
        ):
            seen.setdefault(kind, set()).update(found["outcome"] for found in entries)
    assert seen == {
        "assessment": set(enums.ASSESSMENT_OUTCOMES),
        "constraint": set(enums.CONSTRAINT_OUTCOMES),
        "service": set(enums.SERVICE_OUTCOMES),
        "level": set(enums.LEVEL_OUTCOMES),
        "indicator": set(enums.INDICATOR_OUTCOMES),
        "verdict": set(enums.Status),
    }


def test_every_reason_for_not_knowing_is_to_be_seen_but_a_failure(demo: Demo) -> None:
    seen = {
        found["reason"]
        for body in demo.records.values()
        for found in (
            *body["assessments"], *body["constraints"], *body["readiness"]["services"], body["readiness"]["level"]
        )
        if found["reason"]
    }  # fmt: skip
    assert seen == set(enums.NoDataReason) - {"failed"}


def test_the_mix_is_that_of_a_working_zone(demo: Demo) -> None:
    statuses = [body["verdict"]["status"] for body in demo.records.values()]
    assert len(statuses) >= 80
    assert statuses.count("ready") >= 20
    assert all(statuses.count(status) >= 20 for status in enums.Status)


class TestNumbers:
    """The numbers of the stories, exactly."""

    def test_the_parcel_with_the_hole(self, demo: Demo) -> None:
        parcel = demo.record("A")["parcel"]
        assert (round(parcel["area_m2"], 2), round(parcel["area_mu"], 4)) == (204366.64, 306.55)
        assert parcel["ellipsoidal_area_m2"] == pytest.approx(204329.87, abs=0.005)
        assert demo.verdicts["CZGX-2024-002"].area_m2 == pytest.approx(18666.62)

    def test_the_first_parcel_holds_until_its_report_ends(self, demo: Demo) -> None:
        verdict = demo.verdict("A")
        assert verdict.valid_until == date(2027, 1, 15)
        assert entry(demo.record("A"), "SEI")["outcome"] == "waived"
        assert entry(demo.record("A"), "POWER")["kind"] == "temporary"

    def test_the_ring_takes_38000_m2_of_every_assessment(self, demo: Demo) -> None:
        body = demo.record("B")
        zone = entry(body, "ZONE")
        assert [(part["class"], part["area_m2"]) for part in zone["parts"]] == [("pending_adjustment", 38000.0)]
        for found in body["assessments"]:
            if found["code"] != "CLI":
                assert found["coverage"]["share"] == pytest.approx(0.62), found["code"]
                assert found["coverage"]["uncovered_m2"] == pytest.approx(38000.0), found["code"]

    @pytest.mark.parametrize(("case", "overlap_m2"), [("C", 0.4), ("D", 12.0), ("C2", 1.6)])
    def test_farmland(self, demo: Demo, case: str, overlap_m2: float) -> None:
        assert entry(demo.record(case), "FARM")["coverage"]["covered_m2"] == pytest.approx(overlap_m2, abs=1e-6)

    def test_the_sliver_is_named_not_hidden(self, demo: Demo) -> None:
        assert "0.40㎡（宽0.04m）" in entry(demo.record("C"), "FARM")["message"]["zh"]

    def test_the_corner(self, demo: Demo) -> None:
        coverage = entry(demo.record("V"), "ZONE")["coverage"]
        assert (coverage["share"], coverage["uncovered_m2"]) == (pytest.approx(0.9995), pytest.approx(100.0))
        assert all(found["outcome"] != "covered" for found in demo.record("V")["assessments"])

    @pytest.mark.parametrize(("case", "missing_m2"), [("N", 80000.0), ("N2", 8000.0), ("N3", 0.0)])
    def test_the_approval(self, demo: Demo, case: str, missing_m2: float) -> None:
        body = demo.record(case)
        assert body["parcel"]["area_m2"] == pytest.approx(80000.0)
        assert entry(body, "LANDAPPROVAL")["coverage"]["uncovered_m2"] == pytest.approx(missing_m2, abs=1e-6)

    def test_high_hazard_on_15_percent(self, demo: Demo) -> None:
        part = next(part for part in entry(demo.record("E"), "HAZARD")["parts"] if part["class"] == "high")
        assert part["share"] == pytest.approx(0.15)

    def test_the_main_is_412_6_m_away(self, demo: Demo) -> None:
        assert entry(demo.record("S"), "WATER")["distance_m"] == pytest.approx(412.6, abs=0.001)

    def test_92_percent_are_level(self, demo: Demo) -> None:
        level = entry(demo.record("J"), "LEVEL")
        assert level["share_within_tolerance"] == pytest.approx(0.92)
        assert level["cut_m3"] > 0

    def test_terraces_are_judged_platform_by_platform(self, demo: Demo) -> None:
        level = entry(demo.record("U"), "LEVEL")
        assert (level["design"], level["share_within_tolerance"]) == ("platforms", 1.0)

    def test_yesterday_today_tomorrow(self, demo: Demo) -> None:
        ends = [demo.verdict(case).valid_until for case in ("H1", "H2", "H3")]
        assert ends == [None, date(2026, 12, 1), date(2026, 12, 2)]

    def test_4500_per_hectare_is_300_per_mu(self, demo: Demo) -> None:
        found = entry(demo.record("P3"), "fixed_investment_intensity")
        assert (found["value"], found["standard"]) == (300.0, 300.0)

    def test_the_batch_adds_up(self, demo: Demo) -> None:
        features = json.loads((DEMO / "parcels.geojson").read_text(encoding="utf-8"))["features"]
        chosen = [one["properties"]["id"] for one in features if one["properties"].get("batch") == "2026年第5批"]
        total_m2 = sum(demo.verdicts[name].area_m2 for name in chosen)
        assert len(chosen) == 8
        assert round(total_m2, 2) == 1620666.67
        assert round(mu(total_m2), 2) == 2431.0


class TestFiles:
    """What lies in the folder is honest about itself and small."""

    def test_every_layer_comes_in_whole(self, demo: Demo) -> None:
        for layer, report in demo.reports.items():
            assert report.read == report.stored, layer
            assert not report.rejected, layer
            assert not report.repairs, layer

    def test_the_spreadsheet_is_read(self, demo: Demo) -> None:
        assert demo.claims > 800

    def test_parcels_do_not_overlap(self, demo: Demo) -> None:
        shapes = np.array([verdict.geometry for verdict in demo.verdicts.values()])
        tree = shapely.STRtree(shapes)
        left, right = tree.query(shapes, predicate="intersects")
        pairs = left < right
        assert shapely.area(shapely.intersection(shapes[left[pairs]], shapes[right[pairs]])).max() < 0.01

    def test_synthetic_files_say_so(self) -> None:
        manifest = tomllib.loads((DEMO / "demo.toml").read_text(encoding="utf-8"))
        for layer in manifest["layers"]:
            path = DEMO / layer["file"]
            if path.suffix == ".tif":
                with rasterio.open(path) as source:
                    assert source.tags()["synthetic"] == "true"
            else:
                assert json.loads(path.read_text(encoding="utf-8"))["synthetic"] is layer["synthetic"]
            assert layer["licence"]
            assert layer["attribution"]
        for real in (layer for layer in manifest["layers"] if not layer["synthetic"]):
            head = json.loads((DEMO / real["file"]).read_text(encoding="utf-8"))
            assert head["licence"] == real["licence"]
            assert head["attribution"] == real["attribution"]

    def test_rasters_share_their_cells(self) -> None:
        shapes = set()
        for name in ("ground_elevation", "design_elevation", "flood_depth"):
            with rasterio.open(DEMO / f"{name}.tif") as source:
                shapes.add((source.transform, source.shape, source.crs.to_string(), source.scales[0]))
                assert (DEMO / f"{name}.tif").stat().st_size < 2**20
        assert len(shapes) == 1

    def test_the_whole_stays_small(self) -> None:
        assert sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file()) < 6 * 2**20


class TestSurveyorsFiles:
    """The boundary files for ``check``."""

    @staticmethod
    def read(name: str) -> Any:
        layers, assessments = bundled()
        catalogue, rulebook = load_catalogue(layers), load_rulebook(assessments)
        return read_boundaries(
            DEMO / name, name, catalogue, rulebook.jurisdiction, parcels_spec=catalogue.layers[rulebook.parcels_layer]
        )

    @pytest.mark.parametrize("name", ["boundary.txt", "case_k_swapped.txt"])
    def test_two_parcels_with_their_areas(self, name: str) -> None:
        found = self.read(name)
        assert [round(parcel.geometry.area, 2) for _, parcel in found.parcels] == [204366.64, 18666.62]

    def test_swapped_axes_are_never_put_right_in_silence(self) -> None:
        for _, parcel in self.read("case_k_swapped.txt").parcels:
            assert "颠倒" in parcel.repairs[0].zh

    def test_the_neighbouring_zone_lies_on_the_same_ground(self, demo: Demo) -> None:
        _, parcel = self.read("case_l_zone37.txt").parcels[0]
        here = project(parcel.geometry, parcel.crs, "EPSG:4547")
        assert here.symmetric_difference(demo.verdict("A").geometry).area < 5.0

    def test_a_boundary_that_crosses_itself_is_said(self) -> None:
        _, parcel = self.read("case_self_crossing.txt").parcels[0]
        assert parcel.repairs[0].geometry_changed


@pytest.mark.slow
def test_the_script_makes_the_same_bytes_again(tmp_path: Path) -> None:
    copy = tmp_path / "layers" / "demo"
    kept = shutil.ignore_patterns("__pycache__", "*.tif", "*.xlsx", "*.txt", "*.toml")
    shutil.copytree(DEMO, copy, ignore=kept)
    for made in copy.glob("*.geojson"):
        made.unlink()
    environment = {**os.environ, "PYTHONPATH": str(DEMO.parents[1]), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, str(copy / "build.py")], check=True, env=environment, timeout=600)
    wanted = {path.relative_to(DEMO): path for path in DEMO.rglob("*") if path.suffix in MADE}
    assert {path.relative_to(copy) for path in copy.rglob("*") if path.suffix in MADE} == set(wanted)
    for name, path in wanted.items():
        # Compared as a whole: a list of the bytes that differ would take minutes.
        assert filecmp.cmp(copy / name, path, shallow=False), name
