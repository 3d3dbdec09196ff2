"""The wheel is whole: it answers outside the checkout, with its own catalogue and rulebook."""

from __future__ import annotations

import json
import subprocess
import zipfile

import pytest

from tests.packaging.dockerfile import ROOT

pytestmark = pytest.mark.slow

PARCEL = {
    "type": "Feature",
    "properties": {"name": "示例地块"},
    "geometry": {
        "type": "Polygon",
        "coordinates": [[[113.10, 36.20], [113.104, 36.20], [113.104, 36.203], [113.10, 36.203], [113.10, 36.20]]],
    },
}


@pytest.fixture(scope="module")
def members(installation):
    with zipfile.ZipFile(installation.wheel) as archive:
        return set(archive.namelist())


def toml_files(folder: str, *, without: str = "") -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / folder).rglob("*.toml")
        if not without or without not in path.relative_to(ROOT).parts
    }


def test_wheel_carries_every_layer_description_and_every_rule(members):
    expected = toml_files("layers", without="demo") | toml_files("assessments")

    assert expected
    assert {f"geo_service/data/{name}" for name in expected} <= members


def test_wheel_carries_the_page_assets(members):
    assets = {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "geo_service/maps/static").rglob("*") if path.is_file()
    }

    assert assets
    assert assets <= members


def test_wheel_carries_every_module_and_the_type_marker(members):
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "geo_service").rglob("*.py")}

    assert modules | {"geo_service/py.typed"} <= members


def test_wheel_leaves_demo_data_tests_and_tools_behind(members):
    strangers = {name for name in members if not name.startswith(("geo_service/", "geo_service-"))}

    assert not strangers
    assert not {name for name in members if "/layers/demo/" in name or "/tests/" in name}


def test_package_is_imported_from_its_installation_not_from_the_checkout(installation):
    done = subprocess.run(
        [installation.python, "-c", "import geo_service; print(geo_service.__file__)"],
        cwd=installation.elsewhere,
        capture_output=True,
        text=True,
        check=True,
    )

    assert str(ROOT) not in done.stdout
    assert "site-packages" in done.stdout


def test_init_and_check_answer_outside_the_checkout(installation, tmp_path):
    boundary = tmp_path / "地块.geojson"
    boundary.write_text(json.dumps(PARCEL, ensure_ascii=False), encoding="utf-8")

    made = installation.run("init", "workspace", cwd=tmp_path)
    checked = installation.run("check", str(boundary), "--json", cwd=tmp_path)

    assert made.returncode == 0, made.stderr
    assert (tmp_path / "workspace/workspace.toml").is_file()
    assert checked.returncode in {0, 1}, checked.stderr
    (record,) = json.loads(checked.stdout)["records"]
    assert record["verdict"]["status"] == "undetermined", "no layer is imported, so nothing may pass"
    assert len(record["assessments"]) == 10


def test_wrong_file_is_refused_in_words_outside_the_checkout(installation, tmp_path):
    (tmp_path / "empty.geojson").write_bytes(b"")

    refused = installation.run("check", "empty.geojson", "--json", cwd=tmp_path)

    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
    assert refused.stderr.strip()
