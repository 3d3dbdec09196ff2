"""The READMEs say what the program does: every command, route, row of modules, picture and link."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import typer

from geo_service.cli.app import app

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


def test_every_route_for_programs_is_named(api_paths: set[str]) -> None:
    shown = read("README.md")
    for path in sorted(api_paths):
        first = "/" + path.split("/")[1]
        assert first in shown, path


@pytest.fixture(scope="module")
def api_paths(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    from datetime import date

    from geo_service.api.app import create_app
    from geo_service.service import Service
    from geo_service.store.workspace import Workspace

    workspace = Workspace.create(tmp_path_factory.mktemp("docs") / "workspace")
    service = create_app(Service(workspace, lambda: date(2026, 12, 1)))
    return {route.path for route in service.routes if getattr(route, "methods", None)}  # type: ignore[attr-defined]


def test_every_row_of_modules_is_explained() -> None:
    contract = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"][0]
    shown = read("README.md")
    for row in contract["layers"]:
        for module in row.replace("(", "").replace(")", "").split("|"):
            assert f"`{module.strip()}`" in shown, module
