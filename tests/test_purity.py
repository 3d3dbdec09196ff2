"""No place, CRS number, law, host or path of one machine stands in the program: those facts are data.

Read with ``ast``: what counts is code and the strings it uses. Docstrings and comments may give examples.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyproj.database import query_crs_info

import geo_service

PACKAGE = Path(geo_service.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
#: What this project wrote itself; the vendored libraries lie in folders of their own.
OWN_PAGES = sorted(
    [*PACKAGE.glob("*/templates/*.html"), *PACKAGE.glob("maps/static/*.js"), *PACKAGE.glob("maps/static/*.css")]
)

PLACES = re.compile(
    r"长治|山西|临汾|侯马|太原|上党|潞城|屯留|漳河|中国|中华|大陆|北京|上海|西安"
    r"|\b(?:changzhi|shanxi|linfen|houma|taiyuan|shangdang|china|beijing|shanghai|mainland)\b",
    re.IGNORECASE,
)
LAWS = re.compile(
    r"条例|办法|法第|国务院|自然资发|自然资规|国土资|水防〔|环评〔|规程|规范》"
    r"|防洪法|土地管理法|矿产资源法|文物保护法|城乡规划法|水土保持法|气象法|节约能源法"
    r"|\b(?:GB|GB/T|CJJ|TD/T|DB\d\d|HJ|SL)[ /-]?\d{3,}"
)
CRS_CODE = re.compile(r"\b(?:EPSG|ESRI|IGNF)(?:::?|/0/)\d{4,6}", re.IGNORECASE)
DATUMS = re.compile(
    r"\b(?:CGCS ?2000|GCS2000|Xian ?1980|Beijing ?1954|WGS ?-?_?84|GCJ-?_?02|BD-?_?09)\b|北京54|西安80", re.IGNORECASE
)
REGISTRIES = re.compile(
    r"pypi\.|pythonhosted|anaconda\.org|conda-forge|npmjs|jsdelivr|unpkg|cdnjs|docker\.io|ghcr\.io|quay\.io|mirrors?\.",
    re.IGNORECASE,
)
MACHINE = re.compile(r"(?:^|[\s\"'=:(])/(?:home|root|[a-z]*work|Users|tmp|var|opt|usr|mnt|srv)(?:/|$)|[A-Za-z]:\\\\")
URL = re.compile(r"https?://[^\s\"'<>{}]*")
#: Names, not places to go to: a namespace is never fetched.
NAMESPACES = re.compile(r"https?://(?:www\.)?(?:opengis\.net|json-schema\.org|ogc\.org|w3\.org)/")

#: A file of the tender package is called so by contract, whatever the CRS in it.
CONTRACT_NAMES = frozenset({"parcel_cgcs2000.geojson"})

#: Numbers that are also codes of projected or geographic CRSs, and what they are here.
PLAIN_NUMBERS = {2020: "a year"}

FORBIDDEN = {
    "place": PLACES,
    "law or standard": LAWS,
    "CRS code": CRS_CODE,
    "datum": DATUMS,
    "package registry": REGISTRIES,
    "path of one machine": MACHINE,
}
CALLS = frozenset({"eval", "exec", "compile", "__import__"})
QUERYING = frozenset({"query", "eval"})


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def docstrings(tree: ast.Module) -> set[int]:
    """Every string that stands as a statement of its own: docstrings of modules, classes, functions and attributes."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


def strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """String constants that the program uses, with their lines; the parts of an f-string count one by one."""
    told = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in told:
            if isinstance(node.value, str):
                yield node.lineno, node.value
            elif isinstance(node.value, bytes):
                yield node.lineno, node.value.decode("utf-8", errors="replace")


def names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Names that the program gives, with underscores read as blanks."""
    for node in ast.walk(tree):
        for kind in ("id", "attr", "name", "arg"):
            name = getattr(node, kind, None)
            if isinstance(name, str):
                yield getattr(node, "lineno", 0), name.replace("_", " ")


def faults_of_text(tree: ast.Module) -> Iterator[str]:
    for line, text in strings(tree):
        if text in CONTRACT_NAMES:
            continue
        for what, pattern in FORBIDDEN.items():
            found = pattern.search(text)
            if found:
                yield f"{line}: {what}: {found.group()!r} in {text[:80]!r}"
        for url in URL.findall(text):
            if not NAMESPACES.match(url) and not url.rstrip("/").endswith(":"):
                yield f"{line}: URL: {url!r}"


def faults_of_names(tree: ast.Module) -> Iterator[str]:
    for line, name in names(tree):
        for what, pattern in (("place", PLACES), ("law or standard", LAWS)):
            found = pattern.search(name)
            if found:
                yield f"{line}: {what}: {found.group()!r} in the name {name!r}"


def crs_numbers() -> frozenset[int]:
    """Every EPSG code of a projected or geographic CRS."""
    return frozenset(int(info.code) for info in query_crs_info(auth_name="EPSG") if info.code.isdigit())


CRS_NUMBERS = crs_numbers()


def faults_of_numbers(tree: ast.Module) -> Iterator[str]:
    """A bare number that is a CRS's code, unless it is plainly something else: rounded, or explained above."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and type(node.value) is int:
            number = node.value
            if number in CRS_NUMBERS and number % 1000 and number not in PLAIN_NUMBERS and number & (number - 1):
                yield f"{node.lineno}: number {number} is the code of a CRS"


def faults_of_calls(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in CALLS:
            yield f"{node.lineno}: {node.func.id}()"
        if isinstance(node.func, ast.Attribute) and node.func.attr in QUERYING and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant | ast.JoinedStr) and isinstance(getattr(first, "value", ""), str):
                yield f"{node.lineno}: .{node.func.attr}() of a text"


CHECKS = (faults_of_text, faults_of_names, faults_of_numbers, faults_of_calls)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_facts_of_one_place_are_data_not_code(file: Path) -> None:
    tree = parsed(file)
    assert [fault for check in CHECKS for fault in check(tree)] == []


@pytest.mark.parametrize(
    "line",
    [
        'title = "长治高新区"',
        'where = f"{zone} in Shanxi"',
        'crs = "EPSG:4547"',
        'name = "urn:ogc:def:crs:EPSG::4490"',
        "working = 4547",
        "if code == 3857: pass",
        'basis = "地质灾害防治条例"',
        'basis = "GB/T 40112-2021"',
        'basis = "防洪法第二十二条"',
        'host = "https://pypi.org/simple"',
        'tiles = "https://tile.example/{z}/{x}/{y}.png"',
        'folder = "/home/planner/layers"',
        "value = eval(text)",
        'rows = frame.query("area > 3")',
        "def changzhi_zone(): pass",
    ],
)
def test_the_check_finds_what_it_looks_for(line: str) -> None:
    assert [fault for check in CHECKS for fault in check(ast.parse(line))]


@pytest.mark.parametrize(
    "line",
    [
        '"""Areas in EPSG:4547, as in 长治."""',
        "# 长治 EPSG:4547",
        'schema = "http://www.opengis.net/gml/3.2"',
        'lon_lat = "OGC:CRS84"',
        "limit = 4096; rows = 5000",
        "found = tree.query(box)",
        'route = "/parcels/{id}/map"',
        'words = "中文说明 / in Chinese"',
    ],
)
def test_the_check_leaves_alone_what_is_no_fact_of_a_place(line: str) -> None:
    assert not [fault for check in CHECKS for fault in check(ast.parse(line))]


def test_the_whole_package_is_read() -> None:
    assert {"cli/app.py", "api/app.py", "engine/judging.py", "store/definitions.py"} <= {
        file.relative_to(PACKAGE).as_posix() for file in FILES
    }


@pytest.mark.parametrize("file", OWN_PAGES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_the_pages_name_no_place_law_or_crs_either(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    found = [(what, pattern.search(text)) for what, pattern in FORBIDDEN.items() if what != "path of one machine"]
    assert [(what, match.group()) for what, match in found if match] == []
