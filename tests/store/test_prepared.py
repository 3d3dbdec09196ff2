"""Prepared layers lie beside their editions, and nothing depends on their being there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely

from geo_service.projection import project_features
from geo_service.store import prepared
from geo_service.store.workspace import Workspace

from .conftest import CRS, X, Y

LAYER = "farmland"


@pytest.fixture
def edition(workspace, make_features, make_report):
    name = workspace.publish(make_features(LAYER), make_report(LAYER)).name
    return Workspace.open(workspace.directory).edition(name)


def asked(edition, features=None):
    return edition.whereabouts(edition.data if features is None else features, None)


def test_a_prepared_layer_lies_beside_its_edition_and_is_opened_again(workspace, edition):
    first = asked(edition)
    file = prepared.path(workspace.directory, edition.name, CRS)
    content, made_at = file.read_bytes(), file.stat().st_mtime_ns

    again = asked(edition)
    assert file.stat().st_mtime_ns == made_at
    assert file.read_bytes() == content
    assert again.features_in(X, Y, X + 100, Y + 100) == first.features_in(X, Y, X + 100, Y + 100)


@pytest.mark.parametrize("harm", ["flip", "cut", "gone", "another", "empty"])
def test_what_is_damaged_or_missing_is_made_again(workspace, edition, harm):
    asked(edition)
    file = prepared.path(workspace.directory, edition.name, CRS)
    content = file.read_bytes()
    if harm == "gone":
        file.unlink()
    else:
        other = bytearray(content)
        other[len(other) // 2] ^= 1
        file.write_bytes({"flip": other, "cut": content[:-9], "empty": b"", "another": content[::-1]}[harm])

    found = asked(edition)
    assert file.read_bytes() == content
    assert found.features_in(X, Y, X + 50, Y + 50)[0] == {0, 1}


def test_one_of_another_edition_is_not_taken_for_it(workspace, edition, make_features, make_report):
    asked(edition)
    moved = make_features(LAYER, ids=("F9",))
    moved = replace(moved, geometries=shapely.transform(moved.geometries, lambda xy: xy + 5000.0))
    other = Workspace.open(workspace.directory).edition(workspace.publish(moved, make_report(LAYER, rows=1)).name)
    file = prepared.path(workspace.directory, other.name, CRS)
    file.write_bytes(prepared.path(workspace.directory, edition.name, CRS).read_bytes())

    assert asked(other).features_in(X, Y, X + 100, Y + 100) == (frozenset(), frozenset())


def test_each_working_crs_has_its_own(workspace, edition):
    # The same ground from the next central meridian.
    elsewhere = project_features(edition.data, "EPSG:4546")
    asked(edition)
    found = asked(edition, elsewhere)
    assert found.crs == "EPSG:4546"
    assert len(list((workspace.directory / prepared.FOLDER).glob("*.cells"))) == 2


def test_layers_without_ground_of_their_own_have_none(workspace, make_features, make_report):
    lines = make_features("roads")
    lines = replace(lines, geometries=shapely.boundary(lines.geometries))
    name = workspace.publish(lines, make_report("roads")).name
    assert asked(Workspace.open(workspace.directory).edition(name)) is None
    assert not (workspace.directory / prepared.FOLDER).exists()


def test_a_shape_that_projecting_broke_leaves_the_layer_to_be_measured_without(edition):
    bow_tie = shapely.Polygon([(X, Y), (X + 100, Y + 100), (X + 100, Y), (X, Y + 100)])
    assert asked(edition, replace(edition.data, geometries=np.array([bow_tie, None], dtype=object))) is None


def test_a_workspace_that_cannot_be_written_is_served_from_memory(workspace, edition):
    (workspace.directory / prepared.FOLDER).write_text("in the way")
    assert asked(edition).features_in(X, Y, X + 50, Y + 50)[0] == {0, 1}
