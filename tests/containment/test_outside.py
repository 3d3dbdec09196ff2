"""Files and addresses that reach for what is not theirs: other files, other hosts, other folders."""

from __future__ import annotations

import http.client
import io
import json
import re
import socket
import struct
import threading
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
import shapely
from opentelemetry import trace

from geo_service.api.app import create_app
from geo_service.ingest import reading
from geo_service.ingest.process import READERS, gdal_skip
from tests import world
from tests.access.asking import ROUTES, Route
from tests.api.serving import OPEN, running
from tests.imports.bringing import ended, parcels
from tests.ingest.writing import write_vector

SENTINEL = "MARK-6d1f-of-a-file-that-is-nobodys-business"


@pytest.fixture(scope="module")
def served(service):
    with running(create_app(service, policy=OPEN), service) as found:
        yield found


@pytest.fixture(scope="module")
def canary() -> Iterator[tuple[int, list[bytes]]]:
    """A listener on this machine that nobody has any reason to talk to."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        stop = threading.Event()

        def listen() -> None:
            while not stop.is_set():
                try:
                    caller, _ = listener.accept()
                except TimeoutError:
                    continue
                heard.append(b"called")
                caller.close()

        thread = threading.Thread(target=listen)
        thread.start()
        yield listener.getsockname()[1], heard
        stop.set()
        thread.join()


def disguised(port: int, secret: Path) -> dict[str, bytes]:
    """Files that name another file or another host, each under a name that promises something else."""
    here = f"http://127.0.0.1:{port}/x"
    vector = "<OGRVRTDataSource><OGRVRTLayer name='a'>{}</OGRVRTLayer></OGRVRTDataSource>".format
    vrt = vector(f"<SrcDataSource>{secret}</SrcDataSource>")
    web = vector(f"<SrcDataSource>/vsicurl/{here}.json</SrcDataSource>")
    sql = vector(f"<SrcDataSource>{secret}</SrcDataSource><SrcSQL>SELECT * FROM x</SrcSQL>")
    raster = (
        "<VRTDataset rasterXSize='9' rasterYSize='9'><VRTRasterBand dataType='Byte' band='1'><SimpleSource>"
        f"<SourceFilename>/vsicurl/{here}.tif</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    wms = f"<GDAL_WMS><Service name='WMS'><ServerUrl>{here}</ServerUrl></Service></GDAL_WMS>"
    document = "<kml xmlns='http://www.opengis.net/kml/2.2'><Document>{}</Document></kml>".format
    kml = document(f"<NetworkLink><Link><href>{here}.kml</href></Link></NetworkLink>")
    xxe = f"<!DOCTYPE a [<!ENTITY b SYSTEM 'file://{secret}'>]>{document('<Placemark><name>&b;</name></Placemark>')}"
    linked = {
        "type": "FeatureCollection",
        "crs": {"type": "link", "properties": {"href": here, "type": "proj4"}},
        "features": [
            {
                "type": "Feature",
                "properties": {},
                "geometry": json.loads(shapely.to_geojson(shapely.box(113, 36, 113.1, 36.1))),
            }
        ],
    }
    plain = {
        "parcels.geojson": vrt.encode(),
        "web.geojson": web.encode(),
        "sql.shp": sql.encode(),
        "raster.tif": raster.encode(),
        "wms.tif": wms.encode(),
        "link.kml": kml.encode(),
        "entity.kml": xxe.encode(),
        "crs.geojson": json.dumps(linked).encode(),
        f"/vsicurl/{here}": b"HTTP",
        "wfs.xml": f"<OGRWFSDataSource><URL>{here}</URL></OGRWFSDataSource>".encode(),
    }
    zipped = {}
    for name, content in list(plain.items())[:5]:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("layer" + Path(name).suffix, content)
        zipped[f"{name}.zip"] = packed.getvalue()
    return plain | zipped


def test_a_file_that_names_another_file_or_host_is_refused_and_nobody_is_asked(served, canary, tmp_path):
    port, heard = canary
    secret = tmp_path / "secret.json"
    point = {
        "type": "Feature",
        "properties": {"name": SENTINEL},
        "geometry": {"type": "Point", "coordinates": [113, 36]},
    }
    secret.write_text(json.dumps({"type": "FeatureCollection", "features": [point]}))
    for name, content in disguised(port, secret).items():
        answer = served.client.post("/check", files={"file": (name, content)})
        assert 400 <= answer.status_code < 500, (name, answer.text)
        assert SENTINEL not in answer.text and str(tmp_path) not in answer.text
    assert heard == []
    good = shapely.to_geojson(shapely.box(113.05, 36.23, 113.051, 36.231)).encode()
    assert served.client.post("/check", files={"file": ("a.geojson", good)}).status_code == 200


@pytest.mark.slow
def test_none_of_them_becomes_a_layer_or_an_extent(served, service, canary, tmp_path, caplog):
    port, heard = canary
    secret = tmp_path / "secret.json"
    square = json.loads(shapely.to_geojson(shapely.box(113.05, 36.23, 113.06, 36.24)))
    inside = {"type": "Feature", "properties": {"id": "a", "name": SENTINEL}, "geometry": square}
    secret.write_text(json.dumps({"type": "FeatureCollection", "features": [inside]}))
    good = json.dumps({"type": "FeatureCollection", "features": [inside | {"properties": {"id": "a"}}]}).encode()
    before, files = service.workspace.register.published(), disguised(port, secret)
    for name, content in files.items():
        sent = {"file": (name, content)}
        asked = [("ground_elevation" if ".tif" in name else "heritage", sent)]
        if name in ("parcels.geojson", "web.geojson", "link.kml"):
            asked.append(("heritage", {"file": ("a.geojson", good), "extent": (name, content)}))
        for layer, given in asked:
            job = ended(served.client, served.client.post(f"/layers/{layer}/editions", files=given))
            assert job["state"] == "refused", (name, job)
            told = served.get(f"/jobs/{job['id']}").text + served.get(f"/jobs/{job['id']}/rejected").text
            assert SENTINEL not in told and str(tmp_path) not in told, (name, told)
    assert heard == []
    assert service.workspace.register.published() == before
    kept = [path.read_bytes() for path in service.workspace.directory.rglob("*") if path.is_file()]
    assert not any(SENTINEL.encode() in content for content in kept)
    assert SENTINEL not in caplog.text


def member(name: str, content: bytes, *, method: int = 0, flag: int = 0) -> bytes:
    """A zip of one member, written by hand so that any name may stand in it."""
    import zlib

    raw = name.encode()
    crc, size = zlib.crc32(content), len(content)
    local = (
        struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, flag, method, 0, 0, crc, size, size, len(raw), 0) + raw + content
    )
    central = (
        struct.pack(
            "<4sHHHHHHIIIHHHHHII",
            b"PK\1\2",
            20,
            20,
            flag,
            method,
            0,
            0,
            crc,
            size,
            size,
            len(raw),
            0,
            0,
            0,
            0,
            0o100644 << 16,
            0,
        )
        + raw
    )
    return local + central + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, len(central), len(local), 0)


@pytest.mark.parametrize(
    "name", ["../../out.geojson", "/out.geojson", "..\\..\\out.geojson", "C:\\out.geojson", "a/../../out.geojson"]
)
def test_a_zip_writes_nothing_outside_the_folder_of_its_job(served, tmp_path, monkeypatch, name):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(inner))
    content = shapely.to_geojson(shapely.box(113.05, 36.23, 113.051, 36.231)).encode()
    answer = served.client.post("/check", files={"file": ("a.zip", member(name, content))})
    assert (answer.status_code, answer.json()["code"]) == (422, "zip_unsafe_name")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not any(Path(place, "out.geojson").exists() for place in ("/", Path.cwd(), Path.cwd().parent))


#: Of a file beside the workspace, and of one in it that is no part of what is served.
PLANTED = "nobodys.txt"
TARGETS = ("etc/passwd", "register.sqlite", "workspace.toml", PLANTED)
CLIMBS = [
    climb + target
    for climb in (
        "../",
        # Up to the root, wherever this lies.
        "../" * 12,
        "..%2f" * 12,
        "%2e%2e/" * 12,
        "%2e%2e%2f",
        "..%5c..%5c",
        "....//",
        "..;/..;/",
        "..%c0%af..%c0%af",
        "%ef%bc%8e%ef%bc%8e%ef%bc%8f",
        "%252e%252e%252f",
    )
    for target in TARGETS
] + [
    *TARGETS,
    "%00",
    "a%00b",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "file:%2f%2f%2fetc%2fpasswd",
    "..",
    ".",
    "con",
    "%5c%5chost%5cshare",
    "P%00.zip",
]
#: Every part of every address that names something.
NAMED = [(route, name) for route in ROUTES for name in re.findall(r"\{(\w+)\}", route.path)]
STATIC = [(Route("GET", path, ()), "file") for path in ("/static/{file}", "/static/page/{file}")]
REAL = {
    "parcel_id": "P",
    "collection_id": "parcels",
    "feature_id": "P",
    "tms": "WebMercatorQuad",
    "layer_id": "parcels",
    "zoom": "0",
    "row": "0",
    "col": "0",
}
#: What each route that takes something is sent, so that nothing but the name is wrong.
SENT: dict[str, dict[str, Any]] = {
    "POST /layers/{layer_id}/editions": {
        "files": {"file": ("a.geojson", parcels(1))}, "params": {"dry_run": "true"},
    },
    "POST /parcels/{parcel_id}/claims": {
        "json": {
            "service": "WATER", "kind": "permanent", "reach": "to_boundary", "document": "x", "issuer": "x",
            "dated_on": "2026-10-08", "entered_by": "a", "reviewed_by": "b",
        },
    },
    "POST /parcels/{parcel_id}/links": {},
    "DELETE /jobs/{job_id}": {},
}  # fmt: skip


@pytest.fixture(scope="module")
def planted(service) -> Iterator[tuple[Path, ...]]:
    """Files that whoever climbs a step or two would find."""
    folder = service.workspace.directory
    files = [place / PLANTED for place in (folder, folder / "editions", folder.parent, folder.parent.parent)]
    for file in files:
        file.write_text(SENTINEL)
    yield tuple(files)
    for file in files:
        file.unlink()


def assert_says_nothing(said: bytes, what: object) -> None:
    for words in (b"root:", b"SQLite format", b"schema = ", SENTINEL.encode()):
        assert words not in said, what


def test_every_route_that_takes_something_is_known_and_takes_it(served):
    taking = {str(route): route for route, _ in NAMED if route.method != "GET"}
    assert taking.keys() == SENT.keys()
    for name, sent in SENT.items():
        answer = served.client.request(taking[name].method, taking[name].at(**REAL), **sent)
        expected = {"POST /layers/{layer_id}/editions": 202, "DELETE /jobs/{job_id}": 404}.get(name, 200)
        assert answer.status_code == expected, (name, answer.text)
        if expected == 202:
            assert ended(served.client, answer)["state"] == "done"


@pytest.mark.parametrize(("route", "name"), [*NAMED, *STATIC], ids=str)
def test_no_address_leads_out_of_what_is_served(served, planted, route, name):
    host, port = served.base.removeprefix("http://").split(":")
    made = httpx.Request(route.method, served.base, **SENT.get(str(route), {}))
    body = made.read()
    headers = {key: made.headers[key] for key in ("content-type", "content-length") if key in made.headers}
    query = f"?{made.url.query.decode()}" if made.url.query else ""
    # A client that does not tidy up an address before it sends it, as others do.
    with closing(http.client.HTTPConnection(host, int(port), timeout=300)) as client:
        for climb in CLIMBS:
            path = route.at(**{**REAL, name: climb})
            client.request(route.method, path + query, body, headers)
            answer = client.getresponse()
            said = answer.read()
            # 405: with a step up it is the address of another route.
            assert answer.status in (400, 404, 405), (path, answer.status, said[:300])
            assert_says_nothing(said, path)


def test_no_parameter_leads_out_of_what_is_served(served, planted):
    asked = [
        (path.format_map({**REAL, "basemap_id": "0", "edition_id": "0", "job_id": "0"}), one["name"])
        for path, operations in served.get("/api").json()["paths"].items()
        if not path.startswith("/collections/") or "{collection_id}" in path
        for one in operations.get("get", {}).get("parameters", ())
        if one["in"] == "query"
    ]
    assert len(asked) > 60
    for number, (path, name) in enumerate(asked):
        # One after the other: each parameter is given several, and each of them to several parameters.
        for climb in CLIMBS[number % 8 :: 8]:
            answer = served.get(f"{path}?{name}={climb}")
            assert answer.status_code < 500, (path, name, climb)
            assert_says_nothing(answer.content, (path, name, climb))


def test_what_a_file_is_called_leads_nowhere(served, planted, tmp_path, monkeypatch):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(inner))
    workspace, content = served.service.workspace.directory, parcels(1)
    there = {path for path in workspace.parent.rglob("*") if path.is_file()}
    names = [unquote(climb) for climb in CLIMBS[::4]]
    for name in names:
        answer = served.client.post("/check", files={"file": (f"{name}.geojson", content)})
        assert answer.status_code in (200, 400, 422), (name, answer.text)
        assert_says_nothing(answer.content, name)
    for name in names[:3]:
        sent = {"file": (f"{name}.geojson", content), "extent": (f"{name}.geojson", content)}
        answer = served.client.post("/layers/heritage/editions?dry_run=true", files=sent)
        told = ended(served.client, answer)
        assert told["state"] == "done", told
        assert_says_nothing(json.dumps(told).encode(), name)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    new = {path for path in workspace.parent.rglob("*") if path.is_file()} - there
    assert not [path for path in new if path.suffix == ".geojson" or path.name in TARGETS], new
    assert all(file.read_text() == SENTINEL for file in planted)


def test_a_reader_that_knows_more_drivers_than_it_should_reads_nothing(served, tmp_path, monkeypatch, caplog):
    write_vector(tmp_path / "a.shp", [world.box(*world.PARCEL)], "ESRI Shapefile", columns={"id": ["P"]})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for part in tmp_path.iterdir():
            archive.writestr(part.name, part.read_bytes())

    def asked() -> httpx.Response:
        # A process has its drivers from its first file on.
        READERS.close()
        return served.client.post("/check", files={"file": ("a.zip", packed.getvalue())})

    skipped = dict(gdal_skip())
    without = {**skipped, "pyogrio": ",".join(set(skipped["pyogrio"].split(",")) - {"OGR_VRT"})}
    with monkeypatch.context() as more:
        more.setattr(reading, "gdal_skip", lambda: tuple(without.items()))
        answer = asked()
    assert answer.status_code == 422 and answer.json()["code"] == "file_unreadable", answer.text
    assert "RuntimeError at " in caplog.text and "_assert_few:" in caplog.text
    assert asked().status_code == 200


def test_no_request_is_reported_to_whoever_watches_over_the_framework(service):
    asked: list[str] = []

    class Watching(trace.TracerProvider):
        def get_tracer(self, instrumenting_module_name: str, *_: object, **__: object) -> trace.Tracer:
            asked.append(instrumenting_module_name)
            return trace.NoOpTracer()

    # Of the whole process, once; nothing of ours asks it.
    trace.set_tracer_provider(Watching())
    with running(create_app(service, policy=OPEN), service) as found:
        assert found.get("/parcels").status_code == 200
    assert not asked


def test_a_damaged_file_geodatabase_is_refused_or_read_whole(served, tmp_path):
    folder = tmp_path / "red.gdb"
    shapes = [world.box(40 * number, 0, 40 * number + 30, 30) for number in range(60)]
    names = {"zdmc": [f"宗地{number}" for number in range(60)]}
    write_vector(folder, shapes, "OpenFileGDB", columns=names)
    parts = sorted(path for path in folder.iterdir() if path.is_file())
    main = max((path for path in parts if path.suffix == ".gdbtable"), key=lambda path: path.stat().st_size)
    whole = main.read_bytes()

    def posted() -> tuple[int, dict]:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for part in parts:
                archive.writestr(f"red.gdb/{part.name}", part.read_bytes())
        answer = served.client.post("/check", files={"file": ("red.zip", packed.getvalue())})
        return answer.status_code, answer.json()

    status, body = posted()
    assert status == 200 and len(body["records"]) == 60
    for share in (0.2, 0.5, 0.8, 0.95):
        main.write_bytes(whole[: int(len(whole) * share)])
        status, body = posted()
        assert status in (400, 415, 422) or len(body["records"]) + len(body["rejected"]) == 60, share
        assert str(tmp_path) not in json.dumps(body)
