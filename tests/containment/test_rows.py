"""Which test proves that a threat is met; numbers are those of the rows of the requirements on reliability.

Bad input
 1  ingest/test_bad_input::test_names_are_right_whatever_the_cpg_says,
    ingest/test_bad_input::test_a_wrong_code_page_gives_the_right_names_or_none,
    ingest/test_bad_input::test_the_language_byte_of_a_table_counts_after_its_cpg,
    ingest/test_bad_input::test_text_that_is_in_no_encoding
 2  ingest/test_bad_input::test_a_truncated_part_of_a_shapefile,
    ingest/test_bad_input::test_a_shapefile_cut_anywhere_never_yields_fewer_rows,
    ingest/test_bad_input::test_a_table_that_says_fewer_rows_than_it_has,
    ingest/test_cut::test_a_file_cut_anywhere_is_refused_or_read_whole,
    ingest/test_cut::test_a_file_cut_before_it_was_zipped_is_refused_or_read_whole,
    ingest/test_cut::test_a_grid_cut_anywhere_is_refused_or_read_whole,
    ingest/test_cut::test_a_file_of_lines_cut_within_a_row_is_refused_or_its_rows_are_whole
 3  ingest/test_bad_input::test_rows_flagged_as_deleted_are_counted,
    ingest/test_bad_input::test_a_row_without_a_shape_that_can_be_read_is_listed_and_none_is_lost,
    ingest/test_bad_input::test_a_kml_position_that_cannot_be_read_is_named,
    imports/test_imports::test_with_quarantine_the_rows_that_are_right_are_stored,
    imports/test_imports::test_a_refused_file_stores_nothing_and_lists_every_row,
    imports/test_every_row::test_each_row_of_a_shapefile_is_stored_or_listed_or_was_deleted,
    imports/test_every_row::test_so_it_is_of_a_shapefile_that_is_brought
 4  ingest/test_bad_input::test_no_prj_means_no_guess,
    ingest/test_bad_input::test_a_geopackage_or_a_table_without_a_crs_means_no_guess,
    ingest/test_geojson::test_coordinates_that_cannot_be_name_their_cause,
    ingest/test_geojson::test_a_crs_that_is_not_admitted_is_refused,
    ingest/test_crs::test_a_file_of_which_one_corner_of_many_cannot_be_where_it_is_is_refused_naming_its_row,
    ingest/test_boundary_txt::test_a_file_that_contradicts_itself_is_refused
 5  ingest/test_geojson::test_offset_datums_are_refused_by_name,
    imports/test_offset::test_five_hundred_parcels_of_an_offset_datum_are_refused_and_the_offset_is_told,
    imports/test_offset::test_a_file_of_an_offset_datum_is_refused_when_it_is_brought,
    imports/test_offset::test_the_command_refuses_it_too,
    imports/test_offset::test_a_check_of_it_is_answered_with_a_warning
 6  api/test_check::test_a_body_that_is_no_boundary_is_refused_clearly,
    ingest/test_bad_input::test_a_polyline_that_cannot_be_drawn_is_named_and_the_others_are_answered,
    ingest/test_geojson::test_heights_are_left_out_and_counted,
    ingest/test_bad_input::test_a_kml_position_that_cannot_be_read_is_named,
    ingest/test_bad_input::test_a_placemark_without_any_position_is_a_rejected_row_and_the_next_is_answered,
    ingest/test_bad_input::test_a_hole_or_a_part_without_any_position_is_named,
    imports/test_every_row::test_no_number_that_is_none_comes_into_the_store,
    imports/test_every_row::test_a_kml_with_such_a_number_stores_nothing
 7  ingest/test_geojson::test_what_is_not_strict_json_is_refused,
    api/test_check::test_half_a_character_is_a_fault_of_whoever_sends_it_and_the_next_row_is_answered
 8  ingest/test_geojson::test_ids_are_text_end_to_end,
    imports/test_imports::test_a_code_of_many_digits_is_the_same_text_wherever_it_comes_out,
    ingest/test_layers::test_long_numbers_next_to_a_null_are_not_rounded,
    ingest/test_layers::test_a_number_of_any_length_beside_a_null_in_geojson_is_its_digits,
    ingest/test_layers::test_a_number_too_long_for_a_geopackage_is_refused,
    ingest/test_layers::test_a_field_of_a_kml_is_the_text_that_stands_there_whatever_type_it_has,
    ingest/test_layers::test_zeros_in_front_of_a_code_are_kept
 9  ingest/test_geojson::test_duplicate_ids_are_refused_naming_both_rows
10  ingest/test_bad_input::test_a_geopackage_of_several_layers_asks_which,
    ingest/test_bad_input::test_a_filegdb_of_two_layers_asks_which,
    imports/test_imports::test_a_file_of_two_layers_asks_which_and_takes_the_one_that_is_named,
    ingest/test_formats::test_a_kml_of_two_folders_asks_which,
    ingest/test_bad_input::test_two_shapefiles_in_a_zip_ask_which
11  ingest/test_boundary_txt::test_a_parcel_that_contradicts_itself_is_refused_and_the_other_answered,
    ingest/test_boundary_txt::test_a_file_that_contradicts_itself_is_refused,
    ingest/test_boundary_txt::test_an_area_may_differ_by_a_square_metre_or_a_thousandth_whichever_is_more,
    ingest/test_boundary_txt::test_points_counted_without_the_closing_ones_are_a_warning
12  ingest/test_bad_input::test_a_geopackage_that_lies_about_its_rows, ingest/test_bad_input::test_a_damaged_geopackage,
    ingest/test_bad_input::test_a_view_is_no_layer_and_a_plain_database_is_no_geopackage,
    ingest/test_bad_input::test_no_trigger_and_no_view_of_a_geopackage_is_ever_run,
    ingest/test_bad_input::test_a_geopackage_of_nothing_but_a_view_has_no_layer,
    ingest/test_bad_input::test_a_row_without_a_shape_that_can_be_read_is_listed_and_none_is_lost
13  containment/test_outside::test_a_damaged_file_geodatabase_is_refused_or_read_whole,
    imports/test_geodatabase::test_rows_that_were_lost_never_clear_a_parcel,
    imports/test_geodatabase::test_a_table_whose_rows_index_and_headers_disagree_is_refused
14  ingest/test_formats::test_what_the_reader_warns_of_stands_in_the_report,
    ingest/test_formats::test_what_the_reader_of_shapes_warns_of_stands_in_the_report,
    ingest/test_formats::test_what_the_reader_of_layers_warns_of_stands_in_the_report,
    imports/test_imports::test_what_gdal_warns_of_while_it_reads_stands_in_the_report_wherever_it_is_shown,
    maps/test_links::test_what_gdal_warns_of_in_a_dropped_file_is_a_remark_on_the_page

Geometry
15  ingest/test_bad_input::test_a_geometry_bomb_is_refused_in_time,
    checking/test_checking::test_a_comb_over_a_comb_is_refused_while_others_are_served,
    checking/test_checking::test_while_a_boundary_takes_long_others_have_their_records_as_ever,
    checking/test_checking::test_a_row_that_overruns_ends_its_process_and_the_others_are_answered,
    checking/test_checking::test_a_boundary_that_takes_more_memory_than_it_may_is_a_clear_answer_and_the_next_check_works,
    test_nursery::test_a_process_that_is_left_alone_and_hears_nothing_ends_by_itself,
    test_nursery::test_a_process_may_compute_for_so_long_before_each_answer,
    overlay/test_shares::test_a_parcel_of_many_parts_is_laid_together_once_however_many_layers_cover_it
16  ingest/test_bad_input::test_a_geometry_bomb_is_refused_in_time,
    ingest/test_bad_input::test_an_honest_polygon_of_very_many_vertices_passes_quickly,
    ingest/test_bad_input::test_rings_that_crowd_each_other_are_refused_by_the_gate_and_the_row_beside_them_is_answered,
    ingest/test_bad_input::test_many_rings_that_keep_apart_or_lie_in_each_other_as_far_as_land_does_pass,
    containment/test_stored::test_a_stored_comb_on_a_stored_comb_is_left_unmeasured_and_all_else_is_answered,
    containment/test_floods::test_a_boundary_of_too_many_parts_is_refused_before_any_geometry_is_done
17  ingest/test_geojson::test_a_bow_tie_is_repaired_measured_and_marked,
    ingest/test_geojson::test_an_honest_repair_leaves_the_ground_that_was_meant,
    api/test_check::test_a_boundary_that_had_to_be_mended_is_measured_once_and_is_for_the_surveyor_to_settle,
    ingest/test_layers::test_a_repair_that_moves_land_is_a_rejected_row_of_a_layer
18  ingest/test_geojson::test_a_geometry_that_is_none_is_a_rejected_row_and_the_next_is_answered,
    ingest/test_geojson::test_ground_of_a_hairs_breadth_is_none_in_metres_and_in_degrees
19  overlay/test_retry::test_a_second_try_on_the_grid_moves_the_area_by_no_more_than_it_may,
    overlay/test_retry::test_one_pair_that_cannot_be_cut_is_not_known_and_every_other_answer_stays,
    api/test_records::test_a_pair_that_cannot_be_cut_is_not_known_and_the_answer_has_all_else,
    engine/test_contradictions::test_whatever_raises_while_measuring_is_failed,
    engine/test_absence::test_an_internal_failure_is_said_and_decides_nothing
20  checking/test_checking::test_a_process_that_breaks_in_the_middle_is_a_clear_answer_and_the_next_check_works,
    checking/test_checking::test_a_single_boundary_that_breaks_its_process_is_no_answer_of_ours,
    checking/test_checking::test_a_file_that_breaks_its_reader_is_refused_and_the_next_is_read,
    ingest/test_process::test_a_process_that_dies_at_work_is_an_answer_and_the_next_call_works,
    imports/test_imports::test_an_import_whose_process_breaks_is_said_to_have_failed_and_the_next_works
21  test_projection::test_an_edge_that_is_straight_in_degrees_stays_where_it_was,
    test_projection::test_there_and_back_again_is_the_same_place_to_the_millimetre,
    test_projection::test_an_edge_of_five_kilometres_in_degrees_has_the_area_of_two_hundred_steps,
    test_projection::test_what_has_no_place_is_refused
22  engine/test_noise::test_a_parcel_on_its_own_outline_rounded_to_seven_decimals_is_covered_and_the_rest_is_told,
    engine/test_noise::test_a_parcel_that_is_thin_itself_is_not_covered_by_nothing,
    overlay/test_laws::test_touching_edges_and_corners_cover_nothing

Numbers
23  test_projection::test_plane_area_exceeds_the_ellipsoidal_one_with_the_square_of_the_distance_from_the_meridian
25  engine/test_time_and_order::test_the_last_day_of_a_verdict_is_the_last_day
26  imports/test_imports::test_a_new_edition_is_seen_everywhere_without_a_restart,
    api/test_together::test_an_answer_never_mixes_editions_and_never_lags
27  engine/test_absence::test_the_same_inputs_give_the_same_bytes,
    api/test_together::test_callers_at_once_get_the_same_bytes_as_one_alone

Storage, where imports come in
30  imports/test_kills::test_a_kill_at_any_moment_leaves_the_old_edition_or_the_new_one
32  store/test_editions::test_a_full_disk_leaves_nothing_under_the_final_name
34  imports/test_imports::test_readers_meanwhile_see_the_old_edition_or_the_new_one
36  imports/test_imports::test_the_same_request_sent_again_is_the_same_job

Load and resources
40  containment/test_floods::test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not,
    containment/test_floods::test_an_upload_that_is_too_large_is_refused_while_it_comes,
    containment/test_floods::test_an_upload_of_hundreds_of_megabytes_is_refused_at_the_limit_and_takes_no_memory
41  containment/test_floods::test_who_opens_a_connection_and_says_nothing_loses_it_and_others_are_served,
    containment/test_floods::test_a_connection_that_was_answered_must_not_begin_another_request_slowly_either,
    containment/test_floods::test_a_body_that_comes_too_slowly_is_given_up,
    containment/test_floods::test_a_body_that_never_stops_coming_byte_by_byte_is_given_up,
    operations/test_serving::test_one_process_by_a_file_of_settings
42  ingest/test_bad_input::test_zips_that_are_refused, ingest/test_bad_input::test_a_zip_bomb_is_refused_at_once,
    ingest/test_bad_input::test_damaged_and_encrypted_zips,
    ingest/test_bad_input::test_a_member_whose_header_contradicts_the_list_is_refused,
    ingest/test_bad_input::test_a_size_that_is_a_lie_in_both_places_is_refused,
    ingest/test_bad_input::test_members_over_each_other_are_refused,
    ingest/test_bad_input::test_a_zip_in_a_zip_is_not_opened,
    ingest/test_bad_input::test_members_that_together_unpack_to_too_much_are_refused_by_what_they_say
43  ingest/test_formats::test_grids_that_are_refused,
    ingest/test_formats::test_a_grid_that_unpacks_to_too_much_is_refused
44  containment/test_floods::test_of_many_checks_at_once_some_are_done_and_the_others_are_told_to_come_back,
    containment/test_floods::test_each_of_five_hundred_checks_at_once_is_answered_or_told_when_to_come_back,
    operations/test_held::test_five_hundred_checks_at_once_take_no_more_memory_than_half_of_what_was_held,
    containment/test_floods::test_who_asks_too_fast_is_told_when_to_ask_again_and_may_still_read,
    imports/test_imports::test_whoever_has_enough_files_waiting_is_told_to_wait,
    containment/test_rows::test_who_has_many_imports_waiting_is_told_to_wait_and_others_are_taken
45  containment/test_floods::test_a_listener_that_goes_away_is_not_told_any_longer,
    containment/test_rows::test_a_check_of_very_many_ends_with_whoever_asked_for_it,
    operations/test_held::test_files_and_threads_of_downloads_that_were_broken_off_are_let_go_of,
    api/test_exports::test_a_file_that_nobody_takes_any_longer_is_closed,
    api/test_exports::test_verdicts_that_nobody_takes_any_longer_are_not_concluded

Who may ask
46  access/test_roles::test_the_application_does_not_start_with_a_route_that_says_nothing,
    access/test_roles::test_the_application_answers_the_routes_that_were_declared_and_no_others,
    access/test_roles::test_only_the_doors_are_open,
    access/test_roles::test_without_a_key_nothing_is_answered,
    access/test_roles::test_a_role_does_what_it_is_for_and_nothing_else,
    access/test_roles::test_every_route_that_writes_is_for_planners,
    access/test_roles::test_a_method_that_a_route_does_not_have_is_no_way_in
47  access/test_zones::test_no_question_finds_what_belongs_to_another_zone,
    access/test_zones::test_no_answer_names_what_belongs_to_another_zone,
    access/test_zones::test_what_concerns_the_whole_workspace_needs_a_key_for_all_of_it,
    access/test_zones::test_what_is_not_for_every_reader_is_about_a_parcel_or_needs_a_key_for_all_zones,
    access/test_zones::test_a_boundary_on_foreign_ground_is_not_measured,
    access/test_zones::test_nobody_is_told_how_far_away_a_foreign_parcel_lies
48  access/test_keys::test_an_id_that_is_not_there_takes_as_much_as_one_that_is,
    access/test_keys::test_a_key_that_was_taken_back_is_refused_after_five_seconds_at_the_latest,
    access/test_keys::test_guessing_is_slowed_down_and_those_who_are_known_go_on,
    access/test_keys::test_of_many_keys_tried_at_once_no_more_are_looked_up_than_of_as_many_in_turn

Injection
52  maps/test_hostile::test_these_are_all_the_pages_there_are,
    maps/test_hostile::test_every_name_is_text_on_every_page,
    maps/test_hostile::test_every_name_is_text_on_the_page_in_a_package,
    maps/test_browser::test_hostile_names_are_text_and_the_title_is_untouched,
    maps/test_links::test_what_an_uploaded_file_calls_its_parcels_is_text_also_where_they_are_rejected
53  imports/test_imports::test_a_refused_file_stores_nothing_and_lists_every_row,
    imports/test_formulas::test_these_are_all_the_ways_in_which_something_comes_out_as_a_table,
    imports/test_formulas::test_stored_names_are_texts_in_the_list_and_untouched_in_geojson,
    imports/test_formulas::test_what_was_rejected_is_told_as_texts_that_nothing_works_out,
    imports/test_formulas::test_what_was_brought_comes_back_the_same_when_what_came_out_is_brought_again,
    imports/test_formulas::test_each_boundary_of_a_package_is_read_again_under_its_own_name,
    engine/test_boundary_txt_written::test_names_come_back_whatever_they_begin_with_and_break_no_line,
    store/test_xlsx::test_text_that_begins_like_a_formula_stays_text
54  api/test_injection::test_what_is_asked_for_is_never_part_of_a_statement,
    api/test_injection::test_what_is_really_called_so_is_found_and_nothing_else,
    api/test_injection::test_what_is_asked_for_beside_a_boundary_is_never_part_of_a_statement,
    containment/test_source::test_no_statement_is_made_of_texts_but_of_names_in_a_schema,
    containment/test_source::test_whatever_would_make_a_statement_of_a_text_is_found
55  api/test_check::test_a_text_is_never_worked_out,
    containment/test_source::test_no_text_is_ever_run,
    containment/test_source::test_whatever_would_run_a_text_is_found
56  operations/test_log::test_no_name_and_no_data_of_whoever_asks_is_logged_and_no_line_or_header_is_added,
    operations/test_log::test_a_process_that_reads_or_measures_tells_where_something_came_up_and_not_what_it_says,
    operations/test_log::test_a_line_is_one_line_for_everybody_who_reads_it_and_chinese_stays_readable

Files and hosts
57  containment/test_outside::test_none_of_them_becomes_a_layer_or_an_extent,
    ingest/test_process::test_the_drivers_that_follow_other_files_are_off,
    ingest/test_bad_input::test_a_virtual_dataset_in_a_zip_reads_no_other_file,
    ingest/test_bad_input::test_a_virtual_raster_is_not_followed,
    containment/test_outside::test_a_reader_that_knows_more_drivers_than_it_should_reads_nothing
58  containment/test_outside::test_a_file_that_names_another_file_or_host_is_refused_and_nobody_is_asked
59  containment/test_outside::test_a_zip_writes_nothing_outside_the_folder_of_its_job
60  ingest/test_bad_input::test_a_kml_with_entities_is_refused,
    ingest/test_bad_input::test_entities_in_another_encoding_are_refused_as_well
61  containment/test_outside::test_every_route_that_takes_something_is_known_and_takes_it,
    containment/test_outside::test_no_address_leads_out_of_what_is_served,
    containment/test_outside::test_no_parameter_leads_out_of_what_is_served,
    containment/test_outside::test_what_a_file_is_called_leads_nowhere
"""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import shapely

from geo_service.api.app import create_app
from geo_service.checking.process import EXAMINERS
from geo_service.store.jobs import TooMany
from geo_service.worker import SLOTS
from tests import world
from tests.api.serving import OPEN, running

TESTS = Path(__file__).resolve().parents[1]
NAMED = re.findall(r"([\w/]+)::(test_\w+)", __doc__ or "")


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_test_that_is_named_is_there(file, name):
    assert f"\ndef {name}(" in (TESTS / f"{file}.py").read_text(encoding="utf-8")


def test_who_has_many_imports_waiting_is_told_to_wait_and_others_are_taken(workspace):
    jobs = workspace.register.jobs

    def add(name: str, caller: str, most: int = 5) -> None:
        jobs.add(
            name,
            "parcels",
            "a",
            name,
            key=None,
            caller=caller,
            owner="nobody",
            at=datetime.now(UTC),
            most=most,
            most_own=2,
        )

    try:
        add("a1", "a")
        add("a2", "a")
        with pytest.raises(TooMany) as caught:
            add("a3", "a")
        assert caught.value.own
        add("b1", "b")
        with pytest.raises(TooMany) as caught:
            add("c1", "c", most=3)
        assert not caught.value.own
    finally:
        jobs.interrupt(lambda _: True, datetime.now(UTC))
    assert jobs.unfinished() == ()


def test_a_check_of_very_many_ends_with_whoever_asked_for_it(service):
    app = create_app(service, policy=OPEN)
    rows = [
        {"type": "Feature", "properties": {}, "geometry": json.loads(shapely.to_geojson(world.box(x, 0, x + 5, 5)))}
        for x in range(600)
    ]
    body = {"type": "FeatureCollection", "features": rows}
    with running(app, service) as served:
        for _ in range(2 * SLOTS):
            with httpx.stream(
                "POST", f"{served.base}/check", params={"crs": world.CRS}, json=body, timeout=600, trust_env=False
            ) as answer:
                assert answer.status_code == 200
                next(answer.iter_raw(1))
        # The place of one who has gone is free for the next, and its process with it.
        one = served.client.post("/check", params={"crs": world.CRS}, json=rows[0])
        assert one.status_code == 200
        end = time.monotonic() + 600
        while app.state.long_checks.locked() and time.monotonic() < end:
            time.sleep(0.05)
        assert not app.state.long_checks.locked()
        assert len(EXAMINERS.idle()) <= SLOTS
