"""The map in a headless browser: when it is painted, what it holds, how fast it moves; and its tiles, asked for cold.

Pages come from the real server over generated parcels; beside them stands a plain folium page of the same parcels, as a
notebook would write it, with its scripts answered from the vendored files. Every page is opened in a new context, so
nothing is cached.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import folium
import httpx
import numpy as np
import shapely

from benchmarks import workload
from benchmarks.service import served
from geo_service import batch
from geo_service.errors import GeoServiceError
from geo_service.maps.offline import STATIC, kept
from geo_service.model.layer import Features, Origin
from geo_service.model.parcel import AsOf
from geo_service.model.report import ImportReport
from geo_service.projection import LON_LAT, on_square, transformer
from geo_service.store.editions import REGISTER
from geo_service.store.workspace import Workspace

AS_OF = date(2026, 12, 1)
WINDOW = {"width": 1366, "height": 768}
ZOOM = 14
#: Seconds until the first full view, and megabytes of JavaScript, by number of parcels; of a redraw in milliseconds.
PAINTED_S = {1_000: 1.5, 10_000: 2.5, 100_000: 3.0}
HEAP_MB = {1_000: 150.0, 10_000: 200.0, 100_000: 300.0}
REDRAW_MS = 300.0
TILE_P50_MS, TILE_P99_MS = 15.0, 80.0
#: Of what the server answers while somebody waits: 95 of 100, in milliseconds.
ANSWER_P95_MS = {"parcel page": 2000.0, "search": 300.0}
ASKED = 20
#: What was concluded of a generated parcel, as far as a list says it.
RECORD = {
    "assessments": [],
    "constraints": [],
    "readiness": {"services": [], "level": {"outcome": "unknown"}},
    "indicators": [],
    "verdict": {
        "reasons": [{"code": "X", "effect": "condition", "message": {"zh": workload.NOTE, "en": workload.NOTE}}]
    },
}
PATIENCE_MS = 240_000
STATUSES = ("ready", "conditional", "not_ready", "undetermined")
ARGS = ["--no-sandbox", "--enable-unsafe-swiftshader", "--disable-background-networking", "--no-first-run"]

#: Stands in a workspace that is whole; another name where workspaces are made in another way.
MADE = "made-2"
_PAINTED = """
addEventListener('load', () => requestAnimationFrame(() => requestAnimationFrame(() => performance.mark('shown'))));
"""
#: Not by the browser driver's own way to wait, which a page's security policy forbids.
_WAIT = """async ([mark, most]) => {
  const end = performance.now() + most;
  while (!performance.getEntriesByName(mark).length) {
    if (performance.now() > end) throw new Error('Timeout');
    await new Promise((done) => setTimeout(done, 20));
  }
}"""
_MOVE = """async ([name, by]) => {
  const frames = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const gl = window.planner && window.planner.shown;
  const start = performance.now();
  if (gl) {
    if (name === 'pan') gl.panBy([by, 0], { duration: 0 });
    else gl.zoomTo(gl.getZoom() + by, { duration: 0 });
    await new Promise((done) => {
      const look = () => (gl.areTilesLoaded() ? done() : gl.once('render', look));
      gl.once('render', look);
      gl.triggerRepaint();
    });
  } else {
    const map = window.map_main || Object.values(window).find((one) => one && one instanceof L.Map);
    if (name === 'pan') map.panBy([by, 0], { animate: false });
    else map.setZoom(map.getZoom() + by, { animate: false });
    for (let busy = true; busy;) {
      busy = false;
      map.eachLayer((layer) => { busy = busy || (layer instanceof L.GridLayer && layer.isLoading()); });
      if (busy) await new Promise((done) => setTimeout(done, 4));
    }
  }
  await frames();
  return performance.now() - start;
}"""


@dataclass(frozen=True)
class Page:
    """What was measured of one page: seconds, megabytes and milliseconds, a number for each round."""

    name: str
    parcels: int
    painted_s: list[float]
    heap_mb: list[float]
    pan_ms: list[float]
    zoom_ms: list[float]


@dataclass(frozen=True)
class TileTimes:
    """How long tiles took that nobody had asked for, in milliseconds."""

    parcels: int
    tiles: int
    p50_ms: float
    p99_ms: float
    largest_bytes: int


@dataclass(frozen=True)
class Answers:
    """How long the server took to answer, in milliseconds."""

    name: str
    parcels: int
    p50_ms: float
    p95_ms: float


def workspace(folder: Path, count: int) -> Path:
    """Make a workspace of generated parcels with a verdict for each, unless it is there."""
    place = folder / f"map-{count}"
    if not (place / MADE).exists():
        shutil.rmtree(place, ignore_errors=True)
        _make(place, count)
    # A verdict holds for the software that concluded it, and a checkout changes between two runs.
    register, basis = (found := Workspace.open(place)).register, batch.published(found).sha256
    if register.last_run(basis) is None:
        register.note_run(AsOf(None, AS_OF), basis)
    return place


def _make(place: Path, count: int) -> None:
    made = Workspace.create(place, as_of=AS_OF)
    spec = made.catalogue.layers[made.rulebook.parcels_layer]
    ids, shapes = parcels(count)
    names = tuple(f"地块 {number}" for number in range(count))
    origin = Origin("generated", "0" * 64, AS_OF, workload.NOTE, workload.NOTE, True)
    made.publish(
        Features(spec, workload.CRS, ids, shapes, {"name": names}, origin),
        ImportReport("generated", "generated", spec.id, workload.CRS, "declared", "", "", count, count),
    )
    with closing(sqlite3.connect(place / REGISTER)) as register, register:
        register.executemany(
            "INSERT INTO verdict_history (parcel_id, as_of, digest, status, record) VALUES (?, ?, ?, ?, ?)",
            (
                (id_, AS_OF.isoformat(), f"{row:064x}", STATUSES[row * 7 % 11 % 4], json.dumps(RECORD))
                for row, id_ in enumerate(ids)
            ),
        )
    (place / MADE).touch()


def parcels(count: int) -> tuple[tuple[str, ...], Any]:
    """Return ids and outlines of generated parcels."""
    ids: list[str] = []
    shapes = []
    for table in workload.parcels(count):
        ids += table["id"].to_pylist()
        shapes.append(shapely.from_wkb(table["geometry"].to_numpy(zero_copy_only=False)))
    return tuple(ids), np.concatenate(shapes)


def stock(folder: Path, count: int) -> Path:
    """Write the page that folium writes by itself: polygons with a style, a tooltip and a popup."""
    path = folder / f"stock-{count}.html"
    if path.exists():
        return path
    ids, shapes = parcels(count)
    change = transformer(workload.CRS, LON_LAT)
    placed = shapely.transform(shapes, lambda xy: np.column_stack(change.transform(xy[:, 0], xy[:, 1])))
    colours = dict(zip(STATUSES, ("#7DB9DE", "#F5CD68", "#C76535", "#ECECEA"), strict=True))
    features = [
        {
            "type": "Feature",
            "id": id_,
            "properties": {"id": id_, "name": f"地块 {row}", "verdict": STATUSES[row * 7 % 11 % 4]},
            "geometry": json.loads(shape),
        }
        for row, (id_, shape) in enumerate(zip(ids, shapely.to_geojson(placed), strict=True))
    ]
    west, south, east, north = shapely.total_bounds(placed)
    drawing = folium.Map(location=[(south + north) / 2, (west + east) / 2], zoom_start=11, tiles=None)
    fields = ["id", "name", "verdict"]
    folium.GeoJson(
        {"type": "FeatureCollection", "features": features},
        style_function=lambda one: {"fillColor": colours[one["properties"]["verdict"]], "weight": 1},
        tooltip=folium.GeoJsonTooltip(fields),
        popup=folium.GeoJsonPopup(fields),
    ).add_to(drawing)
    drawing.fit_bounds([[south, west], [north, east]])
    drawing.save(str(path))
    return path


def _answer(route: Any) -> None:
    """Answer for the hosts of a stock page: vendored files, and nothing for what draws no map."""
    url = route.request.url
    if url.startswith("file:"):
        route.continue_()
        return
    try:
        file = kept(url)
    except GeoServiceError:
        file = None
    if file is None:
        route.fulfill(status=200, body="")
    else:
        route.fulfill(status=200, body=(STATIC / file).read_bytes())


def measured(
    browser: Any, name: str, count: int, address: str, rounds: int, mark: str, outside: Callable[[Any], None] | None
) -> Page:
    """Open a page some times, each in a browser that knows nothing."""
    found = Page(name, count, [], [], [], [])
    for _ in range(rounds):
        context = browser.new_context(viewport=WINDOW)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.add_init_script(_PAINTED)
        if outside is not None:
            page.route("**/*", outside)
        try:
            page.goto(address, wait_until="load")
            page.evaluate(_WAIT, [mark, PATIENCE_MS])
        except Exception as error:
            # A page that never stands is a result.
            if "Timeout" not in f"{type(error).__name__} {error}":
                raise
            found.painted_s.append(float("inf"))
            context.close()
            break
        found.painted_s.append(page.evaluate(f"performance.getEntriesByName('{mark}')[0].startTime") / 1000)
        client = context.new_cdp_session(page)
        client.send("Performance.enable")
        metrics = {one["name"]: one["value"] for one in client.send("Performance.getMetrics")["metrics"]}
        found.heap_mb.append(metrics["JSHeapUsedSize"] / 1e6)
        found.pan_ms.extend([page.evaluate(_MOVE, ["pan", step]) for step in (300, -150)])
        found.zoom_ms.extend([page.evaluate(_MOVE, ["zoom", step]) for step in (1, -1)])
        context.close()
    return found


def tile_times(base: str, place: Path, count: int) -> TileTimes:
    """Ask for every tile of one zoom that holds parcels, once."""
    features = Workspace.open(place).layer_set().features("parcels")
    assert features is not None
    change = transformer(features.crs, LON_LAT)
    middle = shapely.get_coordinates(shapely.centroid(features.geometries))
    cells = np.unique((on_square(np.column_stack(change.transform(*middle.T))) * 2**ZOOM).astype(int), axis=0)
    took, largest = [], 0
    with httpx.Client(base_url=base, trust_env=False, timeout=60) as client:
        path = "/collections/verdicts/tiles/WebMercatorQuad"
        client.get(f"{path}/0/0/0").raise_for_status()
        for column, row in np.random.default_rng(1).permutation(cells).tolist():
            began = time.perf_counter()
            answer = client.get(f"{path}/{ZOOM}/{row}/{column}")
            took.append((time.perf_counter() - began) * 1000)
            assert answer.status_code == 200
            largest = max(largest, len(answer.content))
    return TileTimes(count, len(took), float(np.quantile(took, 0.5)), float(np.quantile(took, 0.99)), largest)


def answer_times(base: str, count: int) -> list[Answers]:
    """Ask for pages of parcels that nobody had asked for, and search for parcels by their numbers."""
    ids, _ = parcels(count)
    some = np.random.default_rng(2).choice(ids, ASKED, replace=False).tolist()
    found = []
    with httpx.Client(base_url=base, trust_env=False, timeout=60) as client:
        for name, addresses in (
            ("parcel page", [f"/parcels/{id_}/map" for id_ in some]),
            ("search", [f"/map/list?q={id_}" for id_ in some]),
        ):
            took = []
            for address in addresses:
                began = time.perf_counter()
                client.get(address).raise_for_status()
                took.append((time.perf_counter() - began) * 1000)
            found.append(Answers(name, count, float(np.quantile(took, 0.5)), float(np.quantile(took, 0.95))))
    return found


@dataclass(frozen=True)
class Found:
    """Everything that was measured."""

    pages: list[Page]
    tiles: list[TileTimes]
    answers: list[Answers]


def run(folder: Path, counts: list[int], rounds: int, say: Callable[[str], None]) -> Found:
    """Measure the pages, the tiles, and what the server answers."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    found = Found([], [], [])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGS)
        for count in counts:
            say(f"{count:,} parcels: a workspace and a stock page")
            place, plain = workspace(folder, count), stock(folder, count)
            with served(place) as base:
                say("tiles")
                found.tiles.append(tile_times(base, place, count))
                found.answers.extend(answer_times(base, count))
                # Drawn once by the server, as it is for the second who opens it; the page itself is new every time.
                httpx.get(f"{base}/map", timeout=900, trust_env=False).raise_for_status()
                say("our page")
                mark = "painted" if count > 5_000 else "shown"
                found.pages.append(measured(browser, "geo-service /map", count, f"{base}/map", rounds, mark, None))
            say("the stock page")
            few = rounds if count <= 10_000 else 1
            found.pages.append(measured(browser, "stock folium page", count, plain.as_uri(), few, "shown", _answer))
        browser.close()
    return found


def _spread(values: list[float], digits: int) -> str:
    if not values:
        return "–"
    if max(values) == float("inf"):
        return f"> {PATIENCE_MS // 1000} s"
    return f"{median(values):.{digits}f} [{min(values):.{digits}f}–{max(values):.{digits}f}]"


def _within(values: list[float], bar: float | None) -> str:
    return "" if bar is None or not values else " met" if median(values) <= bar else " **missed**"


def met(found: Found) -> bool:
    """Tell whether every bar is met."""
    own = [one for one in found.pages if one.name.startswith("geo-service")]
    painted = all(
        median(values) <= bar
        for one in own
        for values, bar in (
            (one.painted_s, PAINTED_S.get(one.parcels, float("inf"))),
            (one.heap_mb, HEAP_MB.get(one.parcels, float("inf"))),
            (one.pan_ms, REDRAW_MS),
            (one.zoom_ms, REDRAW_MS),
        )
        if values
    )
    cut = all(one.p50_ms <= TILE_P50_MS and one.p99_ms <= TILE_P99_MS for one in found.tiles)
    return painted and cut and all(one.p95_ms <= ANSWER_P95_MS[one.name] for one in found.answers)


def markdown(found: Found, words: str) -> str:
    """Return the tables."""
    lines = [words, "", "| page | parcels | painted, s | JS heap, MB | pan, ms | zoom, ms |", "|" + " --- |" * 6]
    for one in found.pages:
        own = one.name.startswith("geo-service")
        bars = (
            (one.painted_s, 2, PAINTED_S.get(one.parcels)),
            (one.heap_mb, 0, HEAP_MB.get(one.parcels)),
            (one.pan_ms, 0, REDRAW_MS),
            (one.zoom_ms, 0, REDRAW_MS),
        )
        cells = [
            _spread(values, digits) + (f" (≤ {bar:g}{_within(values, bar)})" if own and bar is not None else "")
            for values, digits, bar in bars
        ]
        lines.append(f"| {one.name} | {one.parcels:,} | " + " | ".join(cells) + " |")
    lines += ["", "| tiles, cold, zoom 14 | asked for | p50, ms | p99, ms | largest, kB |", "|" + " --- |" * 5]
    for each in found.tiles:
        lines.append(
            f"| {each.parcels:,} parcels | {each.tiles} | {each.p50_ms:.1f} (≤ {TILE_P50_MS:g}) | "
            f"{each.p99_ms:.1f} (≤ {TILE_P99_MS:g}) | {each.largest_bytes / 1000:.0f} |"
        )
    lines += ["", "| answers | parcels | p50, ms | p95, ms |", "|" + " --- |" * 4]
    for other in found.answers:
        bar = ANSWER_P95_MS[other.name]
        lines.append(f"| {other.name} | {other.parcels:,} | {other.p50_ms:.0f} | {other.p95_ms:.0f} (≤ {bar:g}) |")
    lines += ["", "Median [least–most]. Painted: from the start of the visit until the first full view stands."]
    return "\n".join(lines) + "\n"


def raw(found: Found, words: str) -> str:
    """Return every number as JSON."""
    return json.dumps({"run": words, **asdict(found)}, indent=1, ensure_ascii=False) + "\n"
