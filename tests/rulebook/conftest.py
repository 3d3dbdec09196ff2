"""The rules and layers that come with the program, and copies that a test may spoil."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from geo_service.model.catalogue import Catalogue
from geo_service.model.rulebook import Rulebook
from geo_service.store.definitions import bundled, load_catalogue, load_rulebook

Spoil = Callable[[str, str, str], Path]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue(bundled()[0])


@pytest.fixture(scope="session")
def rulebook() -> Rulebook:
    return load_rulebook(bundled()[1])


@pytest.fixture
def layers_copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundled()[0], tmp_path / "layers"))


@pytest.fixture
def rules_copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundled()[1], tmp_path / "assessments"))


def replace(directory: Path, name: str, old: str, new: str) -> Path:
    """Replace the first occurrence of a text in one file of a copied directory."""
    path = directory / name
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{name} no longer holds {old!r}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return directory


@pytest.fixture
def spoil_layers(layers_copy: Path) -> Spoil:
    return lambda name, old, new: replace(layers_copy, name, old, new)


@pytest.fixture
def spoil_rules(rules_copy: Path) -> Spoil:
    return lambda name, old, new: replace(rules_copy, name, old, new)
