"""Every notebook runs from top to bottom without a network, and none is committed with what it printed."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SECONDS = 60

#: Put before the first cell: the kernel is a process of its own, where the guard of ``conftest.py`` does not stand.
NETWORK_OFF = """
import ipaddress, sys

def _guard(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        host = arguments[0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host not in {None, "", "localhost"} and not ipaddress.ip_address(host).is_loopback:
        raise AssertionError(f"the notebook tried to reach {host}")

sys.addaudithook(_guard)
"""


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def printed(notebook: NotebookNode, source: str = "") -> str:
    """What the cells answered, as plain text; only those cells that hold ``source``."""
    said = []
    for cell in notebook.cells:
        if source not in cell.source:
            continue
        for output in cell.get("outputs", []):
            said.append(output.get("text", "") or output.get("data", {}).get("text/plain", ""))
    return "\n".join(said)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    """The first notebook, run in a copy of its own with a temporary folder of its own."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = read(Path(shutil.copy(ROOT / "notebooks" / "01_one_parcel.ipynb", folder)))
    notebook.cells.insert(0, nbformat.v4.new_code_cell(NETWORK_OFF))
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(folder),
        "HOME": str(folder),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
    }
    client = NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment)
    return notebook


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_no_output_is_committed(path: Path) -> None:
    for cell in read(path).cells:
        assert not cell.get("outputs"), f"{path.name}: clear the outputs before committing"
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_each_title_is_chinese_first_with_english_beside_it(path: Path) -> None:
    titles = [
        line.lstrip("# ")
        for cell in read(path).cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("#")
    ]
    assert titles
    for chinese, english in zip(titles[::2], titles[1::2], strict=True):
        assert any("一" <= letter <= "鿿" for letter in chinese), chinese
        assert english.isascii(), english


@pytest.mark.slow
def test_the_verdict_is_reached_and_says_why(run: NotebookNode) -> None:
    said = printed(run, "record = ")
    assert "附条件具备 / Conditional" in said
    assert "holds until 2027-01-15" in said
    assert "204366.64 ㎡ = 306.5500 亩" in said
    why = printed(run, "def reasons")
    assert "EIA" in why
    assert "POWER" in why


@pytest.mark.slow
def test_missing_data_are_never_a_pass(run: NotebookNode) -> None:
    undetermined = "资料不足，暂不能判定 / Undetermined: data missing"
    assert printed(run, "early = ").startswith(undetermined)
    without = printed(run, "without(layer)")
    assert without.count(undetermined) == 4
    assert without.count("未导入该图层 / layer not imported") == 4


@pytest.mark.slow
def test_what_is_covered_never_stands_without_its_effect(run: NotebookNode) -> None:
    table = printed(run, "coverage = ")
    assert len(re.findall("已覆盖|适用", table)) == len(re.findall("(?:已覆盖|适用) · ", table)) == 8
    assert "免做 / Waived" in table


@pytest.mark.slow
def test_the_map_is_drawn_inline_and_loads_nothing(run: NotebookNode) -> None:
    pages = [
        output.data["text/html"]
        for cell in run.cells
        for output in cell.get("outputs", [])
        if "<iframe" in output.get("data", {}).get("text/html", "")
    ]
    (page,) = pages
    assert "CZGX-2024-001" in page
    assert "src=&quot;http" not in page


@pytest.mark.slow
def test_the_package_is_verified(run: NotebookNode) -> None:
    said = printed(run)
    assert "CZGX-2024-001_2026-12-01.zip：完整 intact" in said
    assert "on three layers: refused" in said
