"""Copies of editions: what is handed out is what was written, or it is written again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from geo_service.store.copies import UNFINISHED, copy
from geo_service.store.prepared import FOLDER


class Writer:
    """Counts how often it is asked."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces, self.asked = pieces, 0

    def __call__(self) -> Iterator[bytes]:
        self.asked += 1
        yield from self.pieces


def test_a_copy_is_written_once(tmp_path: Path):
    writer = Writer(b"one ", b"two")
    first = copy(tmp_path, "layer@1", writer, "1.txt")
    assert first.path.read_bytes() == b"one two"
    assert first.sha256[:12] in first.path.name
    assert copy(tmp_path, "layer@1", writer, "1.txt") == first
    assert writer.asked == 1


@pytest.mark.parametrize("damaged", [b"one twO", b"one", b"", b"one two three"])
def test_a_damaged_copy_is_written_again(tmp_path: Path, damaged: bytes):
    writer = Writer(b"one two")
    copy(tmp_path, "layer@1", writer, "1.txt").path.write_bytes(damaged)
    assert copy(tmp_path, "layer@1", writer, "1.txt").path.read_bytes() == b"one two"
    assert writer.asked == 2


def test_another_edition_or_form_has_a_copy_of_its_own(tmp_path: Path):
    paths = {
        copy(tmp_path, name, Writer(b"same"), ending).path
        for name in ("layer@1", "layer@11", "layer@2")
        for ending in ("1.txt", "2.txt", "1.csv")
    }
    assert len(paths) == 9


def test_what_was_not_written_to_its_end_is_no_copy(tmp_path: Path):
    def breaks() -> Iterator[bytes]:
        yield b"one "
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="space"):
        copy(tmp_path, "layer@1", breaks, "1.txt")
    assert not [path for path in (tmp_path / FOLDER).iterdir() if path.suffix]
    (tmp_path / FOLDER / f"layer@0{UNFINISHED}").write_bytes(b"of one who was killed")
    copy(tmp_path, "layer@1", Writer(b"one two"), "1.txt")
    assert not list((tmp_path / FOLDER).glob(f"*{UNFINISHED}"))
