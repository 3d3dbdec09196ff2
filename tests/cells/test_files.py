"""Prepared layers on disk: what is damaged, missing, of another version or of something else is never answered from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.cells import Prepared, areas, prepared
from geo_service.errors import WorkspaceError
from tests.cells.asking import layer_of, measured, shapes, tables
from tests.cells.families import cases

CASE = cases("surveyed", 4)
KEY = "3fb5c1"


class Content(bytes):
    """The bytes of a file; a failing law need not print them."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


@pytest.fixture(scope="module")
def content(tmp_path_factory) -> Content:
    path = tmp_path_factory.mktemp("cells") / "layer.cells"
    layer_of(CASE).write(path, KEY)
    return Content(path.read_bytes())


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged") / "layer.cells"


def test_a_file_holds_every_number(content, place):
    place.write_bytes(content)
    written, read = layer_of(CASE), Prepared.open(place, KEY)

    for name in Prepared.__slots__:
        one, other = getattr(written, name), getattr(read, name)
        assert np.array_equal(one, other), name
        assert not isinstance(one, np.ndarray) or one.dtype == other.dtype, name
    assert tables(areas(shapes(CASE.parcels), [read]), read) == measured(CASE)


@given(st.data(), st.integers(1, 255))
def test_one_changed_byte_is_noticed_wherever_it_lies(content, place, data, change):
    at = data.draw(st.integers(0, len(content) - 1))
    damaged = bytearray(content)
    damaged[at] ^= change
    place.write_bytes(damaged)
    try:
        read = Prepared.open(place, KEY)
    except WorkspaceError:
        return
    # Bytes between the arrays say nothing; every other one counts.
    assert content[at] == 0
    assert tables(areas(shapes(CASE.parcels), [read]), read) == measured(CASE)


@given(st.data())
def test_a_file_cut_short_is_noticed(content, place, data):
    place.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(WorkspaceError, match=r"layer\.cells"):
        Prepared.open(place, KEY)


@given(st.binary(max_size=300))
def test_other_files_are_refused(place, other):
    for start in (b"", prepared.MAGIC):
        place.write_bytes(start + other)
        with pytest.raises(WorkspaceError, match=r"layer\.cells"):
            Prepared.open(place, KEY)


def test_moved_blocks_are_noticed(content, place):
    half = len(content) // 2 // 64 * 64
    place.write_bytes(
        content[:half] + content[half + 64 : half + 128] + content[half : half + 64] + content[half + 128 :]
    )
    with pytest.raises(WorkspaceError):
        Prepared.open(place, KEY)


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(WorkspaceError, match=r"nothing\.cells"):
        Prepared.open(tmp_path / "nothing.cells")
    (tmp_path / "folder.cells").mkdir()
    with pytest.raises(WorkspaceError, match=r"folder\.cells"):
        Prepared.open(tmp_path / "folder.cells")


@pytest.mark.parametrize("key", ["", "3fb5c2", KEY + " "])
def test_a_file_prepared_from_something_else_is_refused(content, place, key):
    place.write_bytes(content)
    with pytest.raises(WorkspaceError):
        Prepared.open(place, key)


def test_a_file_of_another_version_is_refused(content, place, monkeypatch):
    place.write_bytes(content)
    monkeypatch.setattr(prepared, "FORMAT", prepared.FORMAT + 1)
    with pytest.raises(WorkspaceError, match="version"):
        Prepared.open(place, KEY)
    layer_of(CASE).write(place, KEY)
    monkeypatch.undo()
    with pytest.raises(WorkspaceError, match="version"):
        Prepared.open(place, KEY)


def test_no_number_of_the_head_can_be_another(content, place):
    # What a disk or a hand changes there would move every cell, or name its classes otherwise.
    for old, new in (
        (b'"west": 1', b'"west": 2'),
        (b'"cell_m": 3', b'"cell_m": 6'),
        (b'"surveyed": true', b'"surveyed": null'),
    ):
        assert content.count(old) == 1
        place.write_bytes(content.replace(old, new))
        with pytest.raises(WorkspaceError, match="head"):
            Prepared.open(place, KEY)


def test_writing_leaves_one_file_and_replaces_the_old_one(tmp_path, content):
    path = tmp_path / "layer.cells"
    path.write_bytes(b"older")
    layer_of(CASE).write(path, KEY)

    assert [entry.name for entry in tmp_path.iterdir()] == ["layer.cells"]
    assert path.read_bytes() == content
