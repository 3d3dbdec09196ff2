"""The example of the exchange format, and the way to the sample files beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared" / "data"

#: The example of the exchange format: two parcels, the first with a hole; 204 366.64 m² and 18 666.62 m².
EXAMPLE = """\
[属性描述]
格式版本号=1.01
数据产生单位=长治市规划和自然资源局开发区分局
数据产生日期=2024-2-18
坐标系=2000国家大地坐标系
几度分带=3
投影类型=高斯克吕格
计量单位=米
带号=38
精度=0.001
转换参数=,,,,,,
[地块坐标]
10,20.4367,CZGX-2024-001,示例地块一,面,,工业用地,1001,@
J1,1,4013646.884,38414300.000
J2,1,4013646.884,38414760.000
J3,1,4013200.000,38414760.000
J4,1,4013200.000,38414300.000
J1,1,4013646.884,38414300.000
J5,2,4013450.000,38414500.000
J6,2,4013420.000,38414500.000
J7,2,4013420.000,38414540.000
J8,2,4013450.000,38414540.000
J5,2,4013450.000,38414500.000
5,1.8667,CZGX-2024-002,示例地块二,面,,工业用地,1001,@
J1,1,4013133.333,38415000.000
J2,1,4013133.333,38415140.000
J3,1,4013000.000,38415140.000
J4,1,4013000.000,38415000.000
J1,1,4013133.333,38415000.000
"""
FIRST_M2, SECOND_M2 = 204_366.64, 18_666.62


def shared(folder: str) -> Path:
    """Return a folder of the sample files, or skip where they are not beside the checkout."""
    found = SHARED / folder
    if not found.is_dir():
        pytest.skip(f"shared/data/{folder} is not here")
    return found


def square(x: float, y: float, width: float, height: float | None = None) -> list[list[list[float]]]:
    """Return the coordinates of a rectangle from its lower left corner."""
    high = y + (width if height is None else height)
    return [[[x, y], [x + width, y], [x + width, high], [x, high], [x, y]]]


def feature(coordinates: object, kind: str = "Polygon", **members: object) -> dict[str, object]:
    """Return a GeoJSON feature."""
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": {}} | members


def collection(*features: dict[str, object], crs: str | None = None) -> dict[str, object]:
    """Return a FeatureCollection, with a named CRS when one is given."""
    found: dict[str, object] = {"type": "FeatureCollection", "features": list(features)}
    if crs is not None:
        found["crs"] = {"type": "name", "properties": {"name": crs}}
    return found


#: Metres in the zone's working CRS, and degrees, somewhere in the zone.
X, Y = 414_300.0, 4_013_200.0
LON, LAT = 113.05, 36.25
