"""The surveyor's exchange files, for ``check``."""

from __future__ import annotations

from files import HERE
from places import CRS_CODE
from pyproj import Transformer

TXT_HEAD = [
    "[属性描述]",
    "格式版本号=1.01",
    "数据产生单位=长治市规划和自然资源局开发区分局",
    "数据产生日期=2024-2-18",
    "坐标系=2000国家大地坐标系",
    "几度分带=3",
    "投影类型=高斯克吕格",
    "计量单位=米",
    "带号=38",
    "精度=0.001",
    "转换参数=,,,,,,",
    "[地块坐标]",
]

PARCEL_A_HEAD = "10,20.4367,CZGX-2024-001,示例地块一,面,,工业用地,1001,@"

PARCEL_2_HEAD = "5,1.8667,CZGX-2024-002,示例地块二,面,,工业用地,1001,@"

# From the north-west corner, clockwise; the hole against the clock.
RINGS_A = (
    ((414300, 4013646.884), (414760, 4013646.884), (414760, 4013200), (414300, 4013200)),
    ((414500, 4013450), (414500, 4013420), (414540, 4013420), (414540, 4013450)),
)

RINGS_2 = (((415000, 4013133.333), (415140, 4013133.333), (415140, 4013000), (415000, 4013000)),)

Rings = tuple[tuple[tuple[float, float], ...], ...]


def point_lines(rings: Rings, zone: int = 38, *, swapped: bool = False) -> list[str]:
    """Lines of boundary points: X is the northing, Y the easting with the zone number before it."""
    lines, first = [], 1
    for ring_number, ring in enumerate(rings, start=1):
        for position in (*range(len(ring)), 0):
            east, north = ring[position]
            x, y = f"{north:.3f}", f"{zone * 1_000_000 + east:.3f}"
            x, y = (y, x) if swapped else (x, y)
            lines.append(f"J{first + position},{ring_number},{x},{y}")
        first += len(ring)
    return lines


def write_txt(name: str, lines: list[str]) -> None:
    """Write a coordinate exchange file as surveyors do: GBK, CRLF."""
    (HERE / name).write_bytes(("\r\n".join(lines) + "\r\n").encode("gbk"))


def boundary_files() -> None:
    """Write the surveyor's file; with X and Y swapped; in the neighbouring zone; and one that crosses itself."""
    write_txt("boundary.txt", [*TXT_HEAD, PARCEL_A_HEAD, *point_lines(RINGS_A), PARCEL_2_HEAD, *point_lines(RINGS_2)])
    write_txt(
        "case_k_swapped.txt",
        [
            *TXT_HEAD,
            PARCEL_A_HEAD,
            *point_lines(RINGS_A, swapped=True),
            PARCEL_2_HEAD,
            *point_lines(RINGS_2, swapped=True),
        ],
    )
    change = Transformer.from_crs(CRS_CODE, "EPSG:4546", always_xy=True)
    west = tuple(tuple(change.transform(east, north) for east, north in ring) for ring in RINGS_A)
    head = [line.replace("带号=38", "带号=37") for line in TXT_HEAD]
    write_txt("case_l_zone37.txt", [*head, PARCEL_A_HEAD, *point_lines(west, 37)])
    crossing = (((415000, 4013133.333), (415140, 4013000), (415140, 4013133.333), (415000, 4013000)),)
    write_txt("case_self_crossing.txt", [*TXT_HEAD, PARCEL_2_HEAD.replace("1.8667", "0.9333"), *point_lines(crossing)])
