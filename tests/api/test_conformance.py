"""Which test proves that the service conforms to what it says it conforms to."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
OGC = "http://www.opengis.net/spec/"
#: By the class that ``/conformance`` names.
PROOFS = {
    "ogcapi-features-1/1.0/conf/core": [
        "api/test_features::test_the_landing_page_leads_to_everything",
        "api/test_features::test_every_collection_has_what_its_description_promises",
        "api/test_features::test_pages_together_hold_every_parcel_once",
        "api/test_features::test_a_limit_above_the_greatest_is_clamped_and_zero_refused",
        "api/test_features::test_a_box_chooses_what_it_meets",
        "api/test_features::test_what_covers_a_zone_without_a_place_of_its_own_is_in_every_box",
        "api/test_features::test_data_and_page_lead_to_each_other",
        "api/test_features::test_datetime_leaves_out_what_does_not_hold_then",
        "api/test_features::test_an_item_comes_back_under_its_own_id",
        "api/test_gdal::test_ogr2ogr_pages_to_the_end",
    ],
    "ogcapi-features-1/1.0/conf/oas30": [
        "api/test_features::test_the_definition_is_whole",
        "api/test_features::test_every_record_is_what_the_definition_says",
        "api/test_schema::test_every_answer_is_as_described",
    ],
    "ogcapi-features-1/1.0/conf/geojson": [
        "api/test_features::test_features_carry_rfc_7946_geometry_and_no_private_field"
    ],
    "ogcapi-features-2/1.0/conf/crs": [
        "api/test_references::test_coordinates_come_in_the_axis_order_of_the_authority",
        "api/test_references::test_a_box_is_read_in_the_crs_it_is_said_to_be_in",
        "api/test_references::test_a_crs_that_is_not_listed_is_refused",
        "api/test_references::test_collections_list_their_crss_and_the_one_they_are_kept_in",
        "api/test_references::test_one_item_in_another_crs",
    ],
    "ogcapi-features-3/1.0/conf/queryables": [
        "api/test_features::test_queryables_are_parameters_and_say_what_they_are"
    ],
    "ogcapi-features-3/1.0/conf/queryables-query-parameters": [
        "api/test_features::test_queryables_are_parameters_and_say_what_they_are",
        "api/test_features::test_a_queryable_of_the_wrong_type_is_refused",
        "api/test_features::test_the_definition_names_every_queryable_as_a_parameter",
    ],
    "ogcapi-features-3/1.0/conf/filter": [
        "api/test_filters::test_what_is_not_answered_is_refused",
        "api/test_filters::test_another_language_or_crs_of_a_filter_is_refused",
        "api/test_filters::test_what_a_feature_does_not_have_is_neither_so_nor_otherwise",
    ],
    "ogcapi-features-3/1.0/conf/features-filter": [
        "api/test_filters::test_a_filter_finds_what_the_answers_say",
        "api/test_filters::test_pages_of_a_filter_hold_all_it_finds",
    ],
    "cql2/1.0/conf/cql2-text": [
        "api/test_filters::test_a_filter_finds_what_the_answers_say",
        "api/test_filters::test_a_quote_in_a_text_is_doubled_or_has_a_backslash",
    ],
    "cql2/1.0/conf/cql2-json": [
        "api/test_filters::test_a_filter_finds_what_the_answers_say",
        "api/test_filters::test_what_joins_fewer_than_two_conditions_is_refused",
    ],
    "cql2/1.0/conf/basic-cql2": [
        "api/test_filters::test_a_filter_finds_what_the_answers_say",
        "api/test_filters::test_combinations_mean_what_three_valued_logic_says",
    ],
    "cql2/1.0/conf/advanced-comparison-operators": [
        "api/test_filters::test_a_filter_finds_what_the_answers_say",
        "api/test_filters::test_single_words",
    ],
    "cql2/1.0/conf/case-insensitive-comparison": [
        "api/test_filters::test_a_filter_finds_what_the_answers_say",
        "api/test_filters::test_single_words",
    ],
    "cql2/1.0/conf/basic-spatial-functions": ["api/test_filters::test_a_place_is_asked_for"],
    "cql2/1.0/conf/basic-spatial-functions-plus": ["api/test_filters::test_every_kind_of_geometry_may_be_named"],
    "cql2/1.0/conf/spatial-functions": ["api/test_filters::test_each_relation_finds_what_lies_so"],
    "ogcapi-tiles-1/1.0/conf/core": [
        "tiles/test_served::test_a_tile_says_of_each_parcel_what_the_record_says",
        "tiles/test_served::test_where_nothing_lies_there_is_no_content",
        "tiles/test_served::test_wrong_addresses_are_refused_with_a_reason",
        "tiles/test_served::test_the_matrix_set_is_defined",
    ],
    "ogcapi-tiles-1/1.0/conf/tileset": [
        "tiles/test_served::test_layers_that_may_be_seen_have_tiles_without_what_is_private"
    ],
    "ogcapi-tiles-1/1.0/conf/tilesets-list": [
        "tiles/test_served::test_layers_that_may_be_seen_have_tiles_without_what_is_private"
    ],
    "ogcapi-tiles-1/1.0/conf/mvt": [
        "tiles/test_served::test_layers_that_may_be_seen_have_tiles_without_what_is_private",
        "tiles/test_served::test_gdal_opens_what_was_served",
    ],
}


def test_the_service_names_the_classes_that_are_proven_and_no_others(served):
    named = served.get("/conformance").json()["conformsTo"]
    assert sorted(named) == sorted(OGC + name for name in PROOFS)


@pytest.mark.parametrize("proof", sorted({proof for proofs in PROOFS.values() for proof in proofs}))
def test_every_proof_is_there(proof):
    file, name = proof.split("::")
    assert f"\ndef {name}(" in (TESTS / f"{file}.py").read_text(encoding="utf-8")
