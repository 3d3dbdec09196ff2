"""Break what measures, dates and decides in every small way a program knows, and list what no test notices.

``python tools/mutation.py FOLDER [--out FILE] [NAME …]`` needs mutmut and what the tests need in one environment. It
works on a copy in FOLDER, where it also goes on after it was stopped; ``mutation.cfg`` says which modules and tests.
Mutants that change nothing anyone could see are listed with the reason in ``mutation.toml``.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from mutants import copied

HERE = Path(__file__).parent
#: What mutmut writes for a mutant that all tests passed with, or that none touched.
SURVIVED = frozenset({0, 5, 33})


@dataclass(frozen=True)
class Left:
    """A mutant that no test noticed: the statement before and after, and why that is no loss."""

    module: str
    function: str
    before: str
    after: str
    why: str | None


def statements(node: ast.AST) -> list[str]:
    """Write a function down line by line, however it was laid out."""
    return ast.unparse(node).splitlines()[1:]


def left_in(module: str, source: str, names: list[str], reasons: dict[str, list[str]]) -> Iterator[Left]:
    """Say for each of the named mutants of a module what it changed."""
    functions = {node.name: node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)}
    for name in names:
        mangled = name.rsplit(".", 1)[1]
        stem = re.sub(r"__mutmut_\d+$", "", mangled)
        lines = difflib.ndiff(statements(functions[f"{stem}__mutmut_orig"]), statements(functions[mangled]))
        changed = [line for line in lines if line[0] in "+-"]
        before, after = (" ".join(line[2:].strip() for line in changed if line[0] == sign) for sign in "-+")
        why = next((why for why, texts in reasons.items() if any(text in after for text in texts)), None)
        yield Left(module, stem.removeprefix("x").replace("ǁ", ".").strip("_."), before, after, why)


def report(folder: Path) -> str:
    """Write what came out as a table and a list."""
    reasons = tomllib.loads((HERE / "mutation.toml").read_text(encoding="utf-8"))
    left: list[Left] = []
    rows: list[tuple[str, int, int, int, int]] = []
    for meta in sorted((folder / "mutants" / "geo_service").rglob("*.meta")):
        found = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
        module = meta.relative_to(folder / "mutants").with_suffix("").as_posix()
        names = [name for name, code in found.items() if code in SURVIVED]
        own = list(left_in(module, meta.with_suffix("").read_text(encoding="utf-8"), names, reasons))
        left += own
        tried = sum(code is not None for code in found.values())
        if tried:
            alike = sum(entry.why is not None for entry in own)
            rows.append((module, len(found), tried, len(own) - alike, alike))
    rows.append(("together", *(sum(row[column] for row in rows) for column in range(1, 5))))
    lines = [
        "# Mutants of what measures, dates and decides",
        "",
        f"`python tools/mutation.py`, {datetime.now(UTC):%d %B %Y}, mutmut {version('mutmut')}. A mutant is the code "
        "with one operator,",
        "number, text, argument or statement changed; it is noticed when a test fails.",
        "",
        "| module | mutants | tried | not noticed | no difference | noticed of those that differ |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {module} | {count:,} | {tried:,} | {missed} | {alike} | {1 - missed / max(tried - alike, 1):.1%} |"
        for module, count, tried, missed, alike in rows
    ]
    for title, wanted in (("Not noticed", None), *((f"No difference: {why}", why) for why in reasons)):
        own = [entry for entry in left if entry.why == wanted]
        if own:
            lines += ["", f"## {title}", ""]
            lines += [f"- {entry.module} {entry.function}: `{entry.before}` → `{entry.after}`" for entry in own]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python tools/mutation.py", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help="patterns of mutants; without any, all")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if not (asked.folder / "geo_service").is_dir():
        asked.folder.mkdir(parents=True, exist_ok=True)
        copied(asked.folder)
    shutil.copy(HERE / "mutation.cfg", asked.folder / "setup.cfg")
    environment = {
        **os.environ,
        "HYPOTHESIS_PROFILE": "mutants",
        # The copy that mutmut makes of the copy has no compiled code of its own.
        "NUMBA_CACHE_DIR": str((asked.folder / "compiled").absolute()),
    }
    mutmut = [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *asked.names]
    subprocess.run(mutmut, cwd=asked.folder, env=environment, check=True)
    text = report(asked.folder)
    if asked.out is None:
        print(text, end="")
    else:
        asked.out.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
