"""The READMEs say what the program does: every command, route, row of modules, picture and link."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import typer

from geo_service.api.app import ROUTERS, declared_needs
from geo_service.cli.app import app
from geo_service.settings import Settings

ROOT = Path(__file__).parents[1]
READMES = ("README.md", "README.zh-CN.md")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands() -> list[str]:
    group = typer.main.get_command(app)
    found = []
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found += [f"{name} {sub}" for sub in inner] if inner else [name]
    return found


@pytest.mark.parametrize("command", commands())
@pytest.mark.parametrize("name", READMES)
def test_every_command_is_shown(name: str, command: str) -> None:
    shown = read(name)
    assert f"geo-service {command}" in shown or (command == "demo" and "make demo" in shown)


@pytest.mark.parametrize("name", READMES)
def test_links_and_pictures_are_there(name: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", read(name)):
        assert (ROOT / target).is_file(), target


@pytest.mark.parametrize("name", READMES)
def test_every_setting_is_named(name: str) -> None:
    shown = read(name)
    for setting in Settings.model_fields:
        assert f"`{setting}`" in shown, setting


def test_every_route_for_programs_is_named() -> None:
    shown = read("README.md")
    paths = {path for _, path in declared_needs(ROUTERS)}
    assert len(paths) > 40
    for path in sorted(paths):
        first = "/" + path.split("/")[1]
        assert first in shown, path


def test_every_row_of_modules_is_explained() -> None:
    contract = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"][0]
    shown = read("README.md")
    for row in contract["layers"]:
        for module in row.replace("(", "").replace(")", "").split("|"):
            assert f"`{module.strip()}`" in shown, module
