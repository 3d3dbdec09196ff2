"""Compiled code that is kept: never another's, never damaged, never older than what it was compiled from."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import geo_service
from geo_service import native

PACKAGE = Path(geo_service.__file__).parent
LOOPS = """
from geo_service.compiled import compiled
from geo_service.small.numbers import FACTOR


@compiled
def times(number):
    return FACTOR * number


@compiled
def once_more(number):
    return times(number) + 1.0
"""
ASK = """
import json, sys
from geo_service.native import Native

found = Native("geo_service.small.loops", "once_more", "float64", ("float64",), ("small/loops.py", "small/numbers.py"))
kept, answer = found.is_kept, found.call(5.0)
assert kept is ("numba" not in sys.modules)
print(json.dumps([answer, not kept]))
"""
OTHER_PROCESSOR = "import llvmlite.binding as llvm\nllvm.get_host_cpu_name = lambda: 'another'\n"


class Small:
    """A small package with one kept function, and processes that ask it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "geo_service"
        self.env = {"XDG_CACHE_HOME": str(folder / "home"), "PYTHONPATH": str(folder)}

    def write(self) -> None:
        """Write the package; nothing is kept of it yet."""
        (self.home / "small").mkdir(parents=True)
        for name in ("compiled.py", "native.py"):
            shutil.copy(PACKAGE / name, self.home / name)
        for name in ("__init__.py", "small/__init__.py"):
            (self.home / name).touch()
        (self.home / "small" / "loops.py").write_text(LOOPS)
        self.factor(2.0)

    def factor(self, number: float) -> None:
        """Change a constant that the function takes from another file."""
        (self.home / "small" / "numbers.py").write_text(f"FACTOR = {number}\n")

    def start(self, before: str = "", **env: str) -> subprocess.Popen[str]:
        """Start a process that asks."""
        inherited = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
        return subprocess.Popen(
            [sys.executable, "-c", before + ASK],
            cwd=self.folder,
            env={**inherited, **self.env, "PYTHONDONTWRITEBYTECODE": "1", **env},
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, before: str = "", **env: str) -> tuple[float, bool]:
        """Return the answer, and whether it had to be compiled."""
        return answer(self.start(before, **env))

    def kept(self) -> list[Path]:
        """What is kept of it, wherever."""
        return sorted(self.folder.rglob("*.machine"))


def answer(process: subprocess.Popen[str]) -> tuple[float, bool]:
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0
    number, compiled = json.loads(out)
    return number, compiled


@pytest.fixture
def small(tmp_path: Path) -> Small:
    made = Small(tmp_path)
    made.write()
    return made


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """One that was asked before."""
    made = Small(tmp_path_factory.mktemp("asked"))
    made.write()
    assert made.ask() == (11.0, True)
    return made


@pytest.fixture
def kept(asked, tmp_path: Path) -> Small:
    """A copy of it with what it keeps: what is kept does not depend on where it lies."""
    shutil.copytree(asked.home, tmp_path / "geo_service")
    return Small(tmp_path)


def test_kept_code_is_loaded_without_the_compiler(kept) -> None:
    assert kept.ask() == (11.0, False)
    assert [path.parent for path in kept.kept()] == [kept.home / "__pycache__"]


def test_a_number_that_changed_in_another_file_is_compiled_in_anew(kept) -> None:
    kept.factor(3.0)
    assert kept.ask() == (16.0, True)
    assert kept.ask() == (16.0, False)
    kept.factor(2.0)
    assert kept.ask() == (11.0, False)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda whole: b"", id="empty", marks=pytest.mark.slow),
        pytest.param(lambda whole: whole[:40], id="part of the head", marks=pytest.mark.slow),
        pytest.param(lambda whole: whole[:-1], id="one byte short", marks=pytest.mark.slow),
        pytest.param(lambda whole: whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:], id="one bit"),
        pytest.param(lambda whole: b"[]\n" + whole.partition(b"\n")[2], id="another head", marks=pytest.mark.slow),
    ],
)
def test_damaged_code_is_compiled_anew_and_replaced(kept, damage) -> None:
    (path,) = kept.kept()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert kept.ask() == (11.0, True)
    assert path.read_bytes() == whole
    assert kept.kept() == [path]


def test_the_code_of_another_processor_is_not_loaded(kept) -> None:
    assert kept.ask(OTHER_PROCESSOR) == (11.0, True)
    assert kept.ask(OTHER_PROCESSOR) == (11.0, False)
    assert len(kept.kept()) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "other",
    [
        # Known to the compiler already, which would refuse them or keep its own files under them.
        "import sys, numba\nsys.implementation.cache_tag = 'another'\n",
        "import numba, llvmlite\nllvmlite.__version__ = '0.0.1'\n",
    ],
    ids=["Python", "LLVM"],
)
def test_the_code_of_another_version_is_not_loaded(kept, other) -> None:
    assert kept.ask(other) == (11.0, True)
    assert len(kept.kept()) == 2


@pytest.mark.slow
def test_processes_that_compile_at_once_do_each_other_no_harm(small) -> None:
    asked = [small.start() for _ in range(3)]
    assert {answer(process)[0] for process in asked} == {11.0}
    assert len(small.kept()) == 1
    assert not list(small.folder.rglob("*.partial"))
    assert small.ask() == (11.0, False)


def test_where_the_package_cannot_be_written_it_is_kept_at_home(small) -> None:
    for folder in (small.home, small.home / "small"):
        # Not even an administrator writes below a file.
        (folder / "__pycache__").touch()
    assert small.ask() == (11.0, True)
    assert [path.parent for path in small.kept()] == [small.folder / "home" / "geo-service"]
    assert small.ask() == (11.0, False)


@pytest.mark.slow
def test_where_nothing_can_be_written_it_is_compiled_each_time(small) -> None:
    for folder in (small.home, small.home / "small", small.folder):
        (folder / "__pycache__").touch()
    (small.folder / "home").touch()
    assert small.ask() == (11.0, True)
    assert small.ask() == (11.0, True)
    assert small.ask(NUMBA_CACHE_DIR=str(small.folder / "home" / "named")) == (11.0, True)
    assert small.kept() == []


def unknown(code: bytes) -> dict[str, set[str]]:
    """List what each function of a 64-bit ELF object refers to and does not hold."""
    assert code[:6] == b"\x7fELF\x02\x01"
    at, each, count = struct.unpack_from("<Q", code, 40)[0], *struct.unpack_from("<HH", code, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", code, at + each * number) for number in range(count)]

    def entries(form: str, kind: int) -> list[tuple[int, tuple[int, ...], tuple[int, ...]]]:
        return [
            (number, section, struct.unpack_from(form, code, place))
            for number, section in enumerate(sections)
            if section[1] == kind
            for place in range(section[4], section[4] + section[5], section[9])
        ]

    symbols = []
    for _, table, (name, info, _, section, value, size) in entries("<IBBHQQ", 2):
        begin = sections[table[6]][4] + name
        symbols.append((code[begin : code.index(b"\0", begin)].decode(), info & 15, section, value, size))
    found: dict[str, set[str]] = {}
    for _, relocations, (offset, info, _) in entries("<QQq", 4):
        target = symbols[info >> 32]
        if target[2] == 0:
            owners = [
                name
                for name, kind, section, value, size in symbols
                if kind == 2 and section == relocations[7] and value <= offset < value + size
            ]
            found.setdefault(owners[0] if owners else "", set()).add(target[0])
    return found


KEPT = [
    (importlib.import_module(module), name)
    for path in sorted(PACKAGE.rglob("*.py"))
    if "= Native(" in path.read_text(encoding="utf-8")
    for module in [".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")]
    for name, value in vars(importlib.import_module(module)).items()
    if isinstance(value, native.Native)
]


@pytest.mark.slow
@pytest.mark.parametrize(("module", "name"), KEPT, ids=[f"{module.__name__}.{name}" for module, name in KEPT])
def test_the_loader_knows_every_function_that_kept_code_calls(module, name) -> None:
    # One that it does not know would be called at address zero.
    function = getattr(module, name)
    assert function.call
    kept = native._read(function._key())
    assert kept is not None
    symbol, code = kept
    found = unknown(code)
    # The entry itself only for an exception, of which the loops have none; this one only for an array that the loops
    # made, for which they would refer to one that makes it.
    found.pop(symbol)
    assert found.pop("NRT_decref") == {"NRT_MemInfo_call_dtor"}
    ask = (
        "import json, sys, llvmlite.binding as llvm\n"
        "print(json.dumps([name for name in json.loads(sys.argv[1]) if not llvm.address_of_symbol(name)]))\n"
    )
    # In a process of its own: the compiler would make known what nobody knows without it.
    names = json.dumps(sorted(set().union(*found.values())))
    done = subprocess.run([sys.executable, "-c", ask, names], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
