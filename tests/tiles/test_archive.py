"""Tiles in one file: those of the service, each of them, in bytes that any other program reads."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.api.app import create_app
from geo_service.cli import main
from geo_service.pmtiles import PMTiles, archive
from geo_service.service import Service
from geo_service.store.definitions import bundled
from tests.api.serving import AS_OF, OPEN, build, running

MOST = 12
BOX = (113.0, 36.0, 114.0, 37.0)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return build(tmp_path_factory.mktemp("archive") / "ws", bundled()[0])


@pytest.fixture(scope="module")
def served(workspace):
    service = Service(workspace, lambda: AS_OF)
    with running(create_app(service, policy=OPEN), service) as found:
        yield found


def write(workspace, name, path):
    with pytest.raises(SystemExit) as left:
        main(["tiles", name, "--out", str(path), "--most-zoom", str(MOST), "--workspace", str(workspace.directory)])
    assert left.value.code == 0
    return path


@st.composite
def places(draw):
    zoom = draw(st.integers(0, 9))
    return zoom, draw(st.integers(0, 2**zoom - 1)), draw(st.integers(0, 2**zoom - 1))


@given(st.dictionaries(places(), st.sampled_from([b"a", b"bb", b"ccc"]), min_size=1, max_size=60), st.randoms())
def test_every_tile_is_found_again_and_no_other(tiles, random):
    tiles = {place: gzip.compress(content, mtime=0) for place, content in tiles.items()}
    shuffled = list(tiles.items())
    random.shuffle(shuffled)
    content = archive(tiles.items(), {"name": "a"}, BOX)
    assert content == archive(shuffled, {"name": "a"}, BOX)
    with reading(content) as file:
        for place in {*tiles, *((zoom, row ^ (zoom > 0), column) for zoom, row, column in tiles)}:
            expected = tiles.get(place)
            assert file.tile(*place) == (None if expected is None else gzip.decompress(expected))


def test_many_tiles_are_found_through_leaf_directories():
    # Sizes differ, so that the root directory alone would be too long to be read at once.
    squares = itertools.product(range(0, 512, 3), range(0, 512, 5))
    tiles = {
        (9, row, column): gzip.compress(bytes([row & 255, column & 255]) * (1 + (row * 31 + column * 17) % 97), mtime=0)
        for row, column in squares
    }
    content = archive(tiles.items(), {}, BOX)
    assert int.from_bytes(content[40:48], "little") > 0, "there are leaves"
    assert 127 + int.from_bytes(content[16:24], "little") <= 16_384
    with reading(content) as file:
        for place in itertools.islice(tiles, 0, None, 997):
            assert file.tile(*place) == gzip.decompress(tiles[place])
        assert file.tile(9, 1, 1) is None


@contextmanager
def reading(content: bytes) -> Iterator[PMTiles]:
    with NamedTemporaryFile(suffix=".pmtiles") as file:
        file.write(content)
        file.flush()
        yield PMTiles(Path(file.name))


@pytest.mark.parametrize("name", ["verdicts", "zones", "roads"])
def test_the_file_holds_the_tiles_of_the_service_and_no_other(served, workspace, tmp_path, name):
    file = PMTiles(written := write(workspace, name, tmp_path / "one.pmtiles"))
    assert written.read_bytes() == write(workspace, name, tmp_path / "two.pmtiles").read_bytes()
    found = 0
    # From the globe down, as far as anything is there, with the squares around.
    waiting = [(0, 0, 0)]
    while waiting:
        zoom, row, column = waiting.pop()
        answer = served.get(f"/collections/{name}/tiles/WebMercatorQuad/{zoom}/{row}/{column}")
        inside = file.tile(zoom, row, column)
        assert (answer.content or None) == inside, (zoom, row, column)
        if inside is not None:
            found += 1
            if zoom < MOST:
                waiting += [(zoom + 1, 2 * row + down, 2 * column + right) for down in (0, 1) for right in (0, 1)]
    assert found > MOST
    assert file.tile(MOST + 1, 0, 0) is None


def test_gdal_reads_the_file_and_every_parcel_in_it(workspace, tmp_path):
    pyogrio = pytest.importorskip("pyogrio")
    if "PMTiles" not in pyogrio.list_drivers():
        pytest.skip("this GDAL reads no PMTiles")
    path = write(workspace, "verdicts", tmp_path / "verdicts.pmtiles")
    assert set(pyogrio.list_layers(path)[:, 0]) == {"parcels", "parcels_counts"}
    frame = pyogrio.read_dataframe(path, layer="parcels")
    service = Service(workspace, lambda: AS_OF)
    expected = {id_: service.record(id_)["verdict"]["status"] for id_ in service.parcels}
    assert dict(zip(frame["id"], frame["verdict"], strict=True)) == expected


def test_what_is_not_there_is_in_no_file(workspace, tmp_path):
    path = tmp_path / "nobody.pmtiles"
    with pytest.raises(SystemExit) as left:
        main(["tiles", "nobody", "--out", str(path), "--workspace", str(workspace.directory)])
    assert left.value.code == 2
    assert not path.exists()
