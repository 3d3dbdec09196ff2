"""Make the demo zone: an invented development zone with one parcel for every case, beside a few real layers.

Deterministic: no clock, no random number; the same script and sources give the same bytes. Run it from anywhere with
the project's Python; it rewrites the files in its own folder::

    python layers/demo/build.py

Synthetic layers are GeoJSON in the working CRS, so that their edges and areas are exact; real ones keep lon/lat.
"""

from __future__ import annotations

import shapely
from boundaries import boundary_files
from cases import batch, cases, ordinary, second_zone
from files import HERE, MIXED_HEAD, SYNTHETIC, SYNTHETIC_HEAD, quoted, register, write_geojson
from ground import further_claims, land, scopes, streets, waters, zones
from lots import Layers, Lot, Lots
from places import COLUMNS, REGION, ROWS, block
from real import SOURCES, copy_real, real
from shapely.geometry import box
from terrain import terrain, write_raster

from geo_service.store.definitions import bundled, load_rulebook

AS_OF = "2026-12-01"

EDITION = "2026-11-18"

# Order of import: zones first, because the distance of everything else is judged by them.
ORDER = (
    "zones",
    "parcels",
    "assessment_scopes",
    "land_approvals",
    "farmland",
    "ecological_redline",
    "urban_boundary",
    "planned_use",
    "present_use",
    "river_ranges",
    "detention_basins",
    "flood_zones",
    "geohazard",
    "goaf",
    "ore",
    "mining_rights",
    "heritage",
    "existing_rights",
    "supplied_land",
    "soil",
    "platforms",
    "water_mains",
    "power",
    "roads",
    "sewers",
    "rain_drains",
    "gas_mains",
    "telecom",
)

# Layers whose features say nothing about the ground between them get the extent of their survey.
SURVEYED = (
    "farmland",
    "ecological_redline",
    "river_ranges",
    "detention_basins",
    "flood_zones",
    "goaf",
    "ore",
    "mining_rights",
    "heritage",
    "existing_rights",
    "supplied_land",
    "soil",
    "water_mains",
    "power",
    "roads",
    "sewers",
    "rain_drains",
    "gas_mains",
    "telecom",
)

EDITIONS = {
    "telecom": "2024-06-01",
    "ground_elevation": "2026-09-15",
    "design_elevation": "2026-06-30",
    "flood_depth": "2026-06-30",
}

RASTERS = ("ground_elevation", "design_elevation", "flood_depth")

CONTEXT = {
    "counties.geojson": "county_outlines",
    "rivers.geojson": "rivers",
    "landslides.geojson": "past_landslides",
}


def manifest(by_case: dict[str, Lot]) -> str:
    """What the demo imports, in order."""
    lines = [
        "# Written by build.py. What the demo imports, in this order; [cases] names the parcel of each case.",
        f"as_of = {AS_OF}",
        'title = {zh = "示例高新区（演示数据）", en = "Demo Hi-tech Zone (synthetic data)"}',
        'register = "register.xlsx"',
        "",
        "[cases]",
        *(f"{case} = {quoted(lot.id)}" for case, lot in by_case.items()),
        "",
        "[files]",
        'boundary = "boundary.txt"',
        'K = "case_k_swapped.txt"',
        'L = "case_l_zone37.txt"',
        'self_crossing = "case_self_crossing.txt"',
        "",
    ]
    for layer in (*ORDER, *RASTERS):
        mixed = layer in ("mining_rights", "gas_mains")
        lines += [
            "[[layers]]",
            f"layer = {quoted(layer)}",
            f"file = {quoted(layer + ('.tif' if layer in RASTERS else '.geojson'))}",
            f"edition_date = {EDITIONS.get(layer, EDITION)}",
            *(['extent = "extent.geojson"'] if layer in SURVEYED else []),
            "synthetic = true",
            f"licence = {quoted('CC BY 4.0 (GEM features); rest invented' if mixed else 'invented for this demo')}",
            f"attribution = {quoted(f'Global Energy Monitor, CC BY 4.0; {SYNTHETIC}' if mixed else SYNTHETIC)}",
            "",
        ]
    for name, layer in CONTEXT.items():
        _, _, licence, attribution, _ = SOURCES[name]
        lines += [
            "[[layers]]",
            f"layer = {quoted(layer)}",
            f"file = {quoted('context/' + name)}",
            f"edition_date = {EDITION}",
            "synthetic = false",
            # The catalogue of landslides is a province's; the nearest is 77 km away.
            *(["anywhere = true"] if layer == "past_landslides" else []),
            f"licence = {quoted(licence)}",
            f"attribution = {quoted(attribution)}",
            "",
        ]
    return "\n".join(lines)


def main() -> None:
    """Write everything."""
    layers, lots = Layers(), Lots()
    cases(lots, layers)
    batch(lots)
    taken = {(i, j) for i in COLUMNS for j in ROWS if any(lot.shape.intersects(block(i, j)) for lot in lots.all)}
    ordinary(lots, taken)
    second_zone(lots, layers)
    by_case = {lot.case: lot for lot in lots.all if lot.case}
    zones(layers)
    scopes(layers, by_case)
    land(layers, by_case, taken)
    waters(layers)
    streets(layers)
    further_claims(lots, layers)
    layers.put(
        "geohazard",
        shapely.difference(REGION, box(410500, 4012660, 411930, 4013500)),
        id="GH-SURVEY",
        name="地质灾害调查范围",
        **{"class": "surveyed"},
    )
    copy_real()
    real(layers)
    for lot in lots.all:
        layers.put("parcels", lot.shape, id=lot.id, name=lot.name, **lot.props)
    for layer in ORDER:
        head = MIXED_HEAD if layer in ("mining_rights", "gas_mains") else SYNTHETIC_HEAD
        write_geojson(HERE / f"{layer}.geojson", layers.features[layer], head)
    write_geojson(HERE / "extent.geojson", [(REGION, {"name": "资料覆盖范围"})], SYNTHETIC_HEAD)
    for name, values in terrain(by_case).items():
        write_raster(name, values)
    boundary_files()
    (HERE / "register.xlsx").write_bytes(register(lots.all, load_rulebook(bundled()[1])))
    (HERE / "demo.toml").write_text(manifest(by_case), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
