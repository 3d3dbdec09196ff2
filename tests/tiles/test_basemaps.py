"""Basemaps: none unless registered, never an offset one, never a key in anybody's hands but the server's."""

from __future__ import annotations

import gzip
import http.server
import io
import re
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from geo_service.api.app import create_app
from geo_service.api.routes.basemaps import GREY
from geo_service.basemaps import registered
from geo_service.errors import InputError
from geo_service.pmtiles import PMTiles, tile_id
from geo_service.service import Service
from geo_service.store.workspace import Workspace
from tests.api.serving import AS_OF, OPEN, running

KEY = "0123456789abcdef-secret"
PNG = GREY
START = "from geo_service.cli import main; main()"
ENTRY = """
[[basemaps]]
id = "{id}"
title = {{zh = "影像", en = "Imagery"}}
kind = "{kind}"
datum = "{datum}"
attribution = {{zh = "某测绘院", en = "Some survey"}}
approval_no = "GS(2026)0001号"
{more}
"""


def entry(kind="xyz", datum="CGCS2000", more='url = "http://map.local/{z}/{x}/{y}.png"', id="base"):
    return ENTRY.format(id=id, kind=kind, datum=datum, more=more)


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace.create(tmp_path / "ws", as_of=AS_OF)


def write(workspace, *entries):
    (workspace.directory / "basemaps.toml").write_text("\n".join(entries), encoding="utf-8")


def read(workspace):
    return registered(workspace.directory, workspace.rulebook.jurisdiction)


def serving(workspace):
    service = Service(workspace, lambda: AS_OF)
    return running(create_app(service, policy=OPEN), service)


def test_there_is_none_unless_registered(workspace):
    assert read(workspace) == ()
    with serving(workspace) as served:
        assert served.get("/basemaps").json() == {"basemaps": []}
        assert served.get("/basemaps/base/1/0/0").status_code == 404


def test_the_example_of_the_readme_is_accepted(workspace):
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```toml\n(\[\[basemaps\]\].*?)```", readme, re.S)
    write(workspace, example)
    assert [one.kind.value for one in read(workspace)] == ["cog", "wmts"]


@pytest.mark.parametrize("datum", ["GCJ-02", "gcj02", "BD-09", "bd 09", "火星坐标系"])
def test_an_offset_datum_is_refused_with_the_reason(workspace, datum):
    write(workspace, entry(datum=datum))
    with pytest.raises(InputError) as refused:
        read(workspace)
    (fault,) = refused.value.faults
    assert fault.code == "basemap_datum_mismatch"
    assert "偏移" in fault.zh and "错位" in fault.zh and "offset" in fault.en
    assert fault.id == "base"


@pytest.mark.parametrize(
    "host", ["webrd01.is.autonavi.com", "rt0.map.gtimg.com", "maponline0.bdimg.com", "www.google.cn", "GAODE.COM"]
)
def test_a_service_known_to_be_offset_is_refused_whatever_its_entry_says(workspace, host):
    write(workspace, entry(more=f'url = "https://{host}/tile?x={{x}}&y={{y}}&z={{z}}"'))
    with pytest.raises(InputError) as refused:
        read(workspace)
    assert refused.value.faults[0].code == "basemap_datum_mismatch"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (entry().replace('datum = "CGCS2000"', ""), "basemap_invalid"),
        (entry(datum=""), "basemap_invalid"),
        (entry(datum="Beijing 1954"), "basemap_datum"),
        (entry().replace("approval_no", "approval"), "basemap_invalid"),
        (entry(more='url = "http://map.local/{z}/{x}.png"'), "basemap_url"),
        (entry(more='url = "file:///etc/{z}/{x}/{y}"'), "basemap_url"),
        (entry(more='url = "http://map.local/{z}/{x}/{y}?tk={key}"'), "basemap_key"),
        (entry(more='url = "http://map.local/{z}/{x}/{y}"\nkey_env = "TK"'), "basemap_key"),
        (entry(kind="cog", more=""), "basemap_file"),
        (entry() + entry(), "basemap_twice"),
        ("basemaps = [", "basemaps_unreadable"),
    ],
)
def test_an_entry_that_is_not_complete_is_refused(workspace, content, code):
    write(workspace, content)
    with pytest.raises(InputError) as refused:
        read(workspace)
    assert refused.value.faults[0].code == code
    assert all(fault.where == "basemaps.toml" for fault in refused.value.faults)


def test_the_service_does_not_start_with_a_basemap_that_may_not_be_used(workspace):
    write(workspace, entry(datum="GCJ-02"))
    command = [sys.executable, "-c", START, "serve", "--workspace", str(workspace.directory), "--port", "0"]
    done = subprocess.run([*command, "--allow-anonymous"], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "basemap_datum_mismatch" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def upstream():
    """A service of pictures on this machine that wants a key."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
            if query.get("tk") != [KEY]:
                self.send_error(403)
            elif path == "/2/3/1":
                self.send_response(302)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere?tk=" + KEY)
                self.end_headers()
            elif path == "/2/2/1":
                self.send_error(404)
            else:
                body = b"<html>no picture</html>" if path == "/2/0/1" else PNG
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


@pytest.fixture
def proxied(workspace, upstream, monkeypatch):
    base, asked = upstream
    monkeypatch.setenv("MAP_KEY", KEY)
    more = f'url = "{base}/{{z}}/{{x}}/{{y}}?tk={{key}}"\nkey_env = "MAP_KEY"\nmost_zoom = 4'
    write(workspace, entry(kind="wmts", more=more))
    with serving(workspace) as served:
        yield served, asked


def test_the_key_is_used_here_and_seen_nowhere(proxied, workspace, caplog):
    served, asked = proxied
    answer = served.get("/basemaps/base/2/1/1")
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, PNG, "image/png")
    assert asked == [f"/2/1/1?tk={KEY}"]
    for path in ("/basemaps", "/map", "/api", "/basemaps/base/2/1/3", "/basemaps/base/2/1/0"):
        shown = served.get(path)
        assert KEY not in shown.text + str(shown.headers)
    assert KEY not in caplog.text
    assert KEY not in (workspace.directory / "basemaps.toml").read_text(encoding="utf-8")


def test_the_credit_with_its_approval_number_is_told(proxied):
    served, _ = proxied
    (found,) = served.get("/basemaps").json()["basemaps"]
    assert found["credit"] == {
        "zh": "某测绘院 审图号：GS(2026)0001号",
        "en": "Some survey map approval no. GS(2026)0001号",
    }
    assert found["datum"] == "CGCS2000"
    assert "url" not in found


@pytest.mark.parametrize(("column", "why"), [(3, "sends the caller elsewhere"), (0, "sends no picture")])
def test_what_is_no_picture_is_a_grey_one(proxied, column, why):
    served, _ = proxied
    answer = served.get(f"/basemaps/base/2/1/{column}")
    assert (answer.status_code, answer.content, answer.headers["x-basemap"]) == (200, GREY, "offline"), why


def test_without_an_answer_the_map_is_grey_and_not_broken(workspace, upstream):
    base, asked = upstream
    write(workspace, entry(more=f'url = "{base}/{{z}}/{{x}}/{{y}}?tk={{key}}"\nkey_env = "NO_SUCH_KEY"'))
    with serving(workspace) as served:
        answer = served.get("/basemaps/base/2/1/1")
        assert (answer.status_code, answer.headers["x-basemap"]) == (200, "offline")
        assert asked == []
    write(workspace, entry(more='url = "http://127.0.0.1:1/{z}/{x}/{y}"'))
    with serving(workspace) as served:
        assert served.get("/basemaps/base/2/1/1").headers["x-basemap"] == "offline"


@pytest.mark.parametrize(
    ("address", "status"), [("2/1/2", 204), ("5/0/0", 404), ("2/4/0", 404), ("2/-1/0", 404), ("two/0/0", 400)]
)
def test_where_there_is_no_picture(proxied, address, status):
    served, _ = proxied
    assert served.get(f"/basemaps/base/{address}").status_code == status


def test_mbtiles_count_rows_from_the_south(workspace):
    with sqlite3.connect(workspace.directory / "base.mbtiles") as file:
        file.execute("CREATE TABLE tiles (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB)")
        file.execute("INSERT INTO tiles VALUES (3, 5, 6, ?)", (PNG,))
    file.close()
    write(workspace, entry(kind="mbtiles", more='file = "base.mbtiles"'))
    with serving(workspace) as served:
        assert served.get("/basemaps/base/3/1/5").content == PNG
        assert served.get("/basemaps/base/3/6/5").status_code == 204


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def directory(entries):
    ids = [entry[0] for entry in entries]
    steps = [now - before for now, before in zip(ids, [0, *ids[:-1]], strict=True)]
    numbers = [len(entries), *steps, *(e[1] for e in entries), *(e[2] for e in entries), *(e[3] + 1 for e in entries)]
    return gzip.compress(b"".join(map(varint, numbers)))


def pmtiles(path, tiles):
    """A file with one leaf directory under its root, as the specification lays it out."""
    content, entries = b"", []
    for key, data in sorted((tile_id(*address), data) for address, data in tiles.items()):
        entries.append((key, 1, len(data), len(content)))
        content += data
    leaf = directory(entries)
    root = directory([(entries[0][0], 0, len(leaf), 0)])
    at = 127
    head = b"PMTiles\x03"
    for size in (len(root), 0, len(leaf), len(content)):
        head += at.to_bytes(8, "little") + size.to_bytes(8, "little")
        at += size
    head += bytes(24) + bytes([1, 2, 1, 2]) + bytes(127 - 100)
    path.write_bytes(head + root + leaf + content)


def test_pmtiles_by_leaf_directories(workspace):
    places = [(0, 0, 0), (3, 1, 5), (3, 6, 5), (10, 400, 830)]
    pmtiles(workspace.directory / "base.pmtiles", {place: PNG + bytes(place[:1]) for place in places})
    write(workspace, entry(kind="pmtiles", more='file = "base.pmtiles"'))
    with serving(workspace) as served:
        for zoom, row, column in places:
            assert served.get(f"/basemaps/base/{zoom}/{row}/{column}").content == PNG + bytes([zoom])
        assert served.get("/basemaps/base/3/1/6").status_code == 204


def test_gdal_writes_pmtiles_that_are_read_here(tmp_path):
    pyogrio = pytest.importorskip("pyogrio")
    if "PMTiles" not in pyogrio.list_drivers():
        pytest.skip("this GDAL writes no PMTiles")
    import geopandas
    import shapely

    frame = geopandas.GeoDataFrame({"n": [1]}, geometry=[shapely.Point(113.05, 36.2).buffer(0.1)], crs="EPSG:4326")
    path = tmp_path / "layer.pmtiles"
    frame.to_file(path, driver="PMTiles", MINZOOM=6, MAXZOOM=10)
    file = PMTiles(path)
    found = [file.tile(10, row, column) for column in range(832, 836) for row in range(400, 404)]
    assert any(found)
    assert file.tile(10, 0, 0) is None
    assert file.tile(11, 0, 0) is None


def test_imagery_is_drawn_where_it_lies(workspace):
    # One degree square, red in the west and blue in the east, 113–114° E and 36–37° N.
    colours = np.zeros((3, 100, 100), dtype=np.uint8)
    colours[0, :, :50], colours[2, :, 50:] = 255, 255
    with rasterio.open(
        workspace.directory / "image.tif", "w", driver="GTiff", width=100, height=100, count=3, dtype="uint8",
        crs="EPSG:4490", transform=rasterio.Affine(0.01, 0.0, 113.0, 0.0, -0.01, 37.0),
    ) as file:  # fmt: skip
        file.write(colours)
    write(workspace, entry(kind="cog", more='file = "image.tif"'))
    with serving(workspace) as served:
        answer = served.get("/basemaps/base/8/100/208")
        assert answer.headers["content-type"] == "image/png"
        with pytest.warns(NotGeoreferencedWarning), rasterio.open(io.BytesIO(answer.content)) as file:
            seen = file.read()
        # The tile reaches from 112.5° to 113.906° E: nothing, then red, then blue.
        middle = seen[:, 128]
        assert middle[3, 40] == 0
        assert middle[:, 140].tolist() == [255, 0, 0, 255]
        assert middle[:, 230].tolist() == [0, 0, 255, 255]
        assert served.get("/basemaps/base/8/10/10").status_code == 204


@pytest.mark.parametrize(
    ("kind", "content"), [("mbtiles", None), ("pmtiles", b"PK"), ("cog", b"no image"), ("cog", None)]
)
def test_a_file_that_is_not_what_it_should_be_stops_the_start(workspace, kind, content):
    if content is not None:
        (workspace.directory / "base").write_bytes(content)
    write(workspace, entry(kind=kind, more='file = "base"'))
    with pytest.raises(InputError, match="base"):
        create_app(Service(workspace, lambda: AS_OF), policy=OPEN)
    assert (workspace.directory / "base").exists() == (content is not None)
