"""What is installed is pinned by hash, names no place to fetch from, and covers what the code imports."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest

from tests.packaging.dockerfile import ROOT

LOCKS = ["requirements.lock", "requirements-build.lock", "requirements-dev.lock"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(requirements: list[str]) -> set[str]:
    return {canonical(re.match(r"[\w.-]+", requirement)[0]) for requirement in requirements}


def pins(lock: str) -> dict[tuple[str, str], str]:
    """Name and environment marker → version."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    found = re.findall(r"^([\w.-]+)==(\S+?)(?: ; (.*?))? \\$", text, re.MULTILINE)
    return {(canonical(name), marker): version for name, version, marker in found}


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_place_to_fetch_from(lock):
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()

    assert not [line for line in lines if re.search(r"https?://|index-url|find-links|file:", line)]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock):
    entries = re.split(r"\n(?=[\w])", (ROOT / lock).read_text(encoding="utf-8"))

    assert not [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry]


@pytest.mark.parametrize("lock", ["requirements-build.lock", "requirements-dev.lock"])
def test_what_is_tested_is_what_is_shipped(lock):
    shipped = {name: set() for name, _ in pins("requirements.lock")}
    for (name, _), version in pins("requirements.lock").items():
        shipped[name].add(version)

    assert not [
        (name, version) for (name, _), version in pins(lock).items() if version not in shipped.get(name, {version})
    ]


def test_locks_hold_what_the_project_declares():
    project = PROJECT["project"]
    extras = project["optional-dependencies"]
    development = set().union(*(declared(extras[name]) for name in ("test", "dev", "cluster"))) - {"geo-service"}

    assert declared(project["dependencies"]) <= {name for name, _ in pins("requirements.lock")}
    assert declared(project["dependencies"]) | development <= {name for name, _ in pins("requirements-dev.lock")}
    assert declared(PROJECT["build-system"]["requires"]) <= {name for name, _ in pins("requirements-build.lock")}
    assert PROJECT["build-system"]["requires"] == PROJECT["dependency-groups"]["build"]


def imported_from_outside() -> dict[str, str]:
    """Top-level import name → a module of the package that uses it."""
    found: dict[str, str] = {}
    for path in (ROOT / "geo_service").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names = [node.module]
            for name in names:
                found.setdefault(name.partition(".")[0], path.relative_to(ROOT).as_posix())
    return {name: where for name, where in found.items() if name not in sys.stdlib_module_names | {"geo_service"}}


def test_every_library_the_code_imports_is_declared():
    dependencies = declared(PROJECT["project"]["dependencies"])
    distributions = packages_distributions()

    undeclared = {
        name: where
        for name, where in imported_from_outside().items()
        if not dependencies & {canonical(distribution) for distribution in distributions.get(name, [name])}
    }

    assert not undeclared
