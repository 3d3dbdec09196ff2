"""One record, one digest: by every way the same, valid by the published schema, and the same in another workspace."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import rfc8785

from geo_service.cli.demo import seed
from geo_service.export.profile import Profile
from geo_service.export.record import record_bytes
from geo_service.service import Service
from tests.e2e.commands import ROOT, run_each


@pytest.fixture(scope="module")
def schema() -> jsonschema.Validator:
    found = json.loads((files("geo_service.export.schema") / "assessment.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)


def digest(body: dict[str, Any]) -> str:
    provenance = {key: value for key, value in body["provenance"].items() if key != "digest"}
    return hashlib.sha256(rfc8785.dumps({**body, "provenance": provenance})).hexdigest()


def test_every_record_is_canonical_valid_and_true_to_its_digest(
    service: Service, schema: jsonschema.Validator, cases: dict[str, str]
) -> None:
    for parcel in service.parcels:
        body = json.loads(record_bytes(service.record(parcel)))
        assert record_bytes(body) == record_bytes(service.record(parcel))
        for shown in (body, service.shown_record(body, Profile.PUBLIC)):
            # Each case once: the parcels of the grid beside them differ in numbers only.
            if parcel in cases.values():
                assert [error.message for error in schema.iter_errors(shown)] == [], parcel
            assert shown["provenance"]["digest"] == digest(shown)


def test_records_name_every_edition_that_is_published(service: Service) -> None:
    published = service.workspace.register.published()
    for parcel in service.parcels:
        for layer in service.record(parcel)["provenance"]["layers"]:
            assert published[layer["id"]] == layer["edition"]


def test_two_workspaces_with_the_same_files_give_the_same_bytes(service: Service, demo: Path, tmp_path: Path) -> None:
    seed(tmp_path / "again")
    first, again = run_each(
        ["assess", "--workspace", demo], ["assess", "--workspace", tmp_path / "again"], cwd=tmp_path
    )
    assert first.code == again.code == 0
    assert first.out == again.out
    assert first.out.splitlines() == [record_bytes(service.record(parcel)) for parcel in service.parcels]


def test_a_check_without_a_workspace_is_valid_too(schema: jsonschema.Validator, tmp_path: Path) -> None:
    [checked] = run_each(["check", ROOT / "layers/demo/boundary.txt", "--json"], cwd=tmp_path)
    for body in checked.json["records"]:
        assert [error.message for error in schema.iter_errors(body)] == []
        assert body["provenance"]["digest"] == digest(body)
