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


def test_the_record_of_every_case_is_canonical_valid_and_true_to_its_digest(
    service: Service, schema: jsonschema.Validator, cases: dict[str, str]
) -> None:
    for number, parcel in enumerate(sorted(set(cases.values()))):
        written = record_bytes(service.record(parcel))
        body = json.loads(written)
        assert rfc8785.dumps(body) == written
        assert body["provenance"]["digest"] == digest(body)
        public = service.shown_record(body, Profile.PUBLIC)
        for shown in (body, public) if number % 5 == 0 else (body,):
            assert [error.message for error in schema.iter_errors(shown)] == [], parcel
        assert public["provenance"]["digest"] == digest(public) != body["provenance"]["digest"]


def test_records_name_the_editions_that_were_read(service: Service, cases: dict[str, str]) -> None:
    published = service.workspace.register.published()
    for parcel in cases.values():
        read = {layer["id"]: layer["edition"] for layer in service.record(parcel)["provenance"]["layers"]}
        assert read.items() <= published.items()
        assert {"parcels", "zones", "assessment_scopes", "farmland", "water_mains"} <= set(read)


@pytest.mark.slow
def test_another_workspace_with_the_same_files_gives_the_same_bytes(
    service: Service, cases: dict[str, str], tmp_path: Path
) -> None:
    seed(tmp_path / "again")
    parcels = sorted(set(cases.values()))[::3]
    asked = [part for parcel in parcels for part in ("--parcel", parcel)]
    [again] = run_each(["assess", "--workspace", tmp_path / "again", *asked], cwd=tmp_path)
    assert again.code == 0
    assert again.out.splitlines() == [record_bytes(service.record(parcel)) for parcel in parcels]


def test_a_check_without_a_workspace_is_valid_too(schema: jsonschema.Validator, tmp_path: Path) -> None:
    [checked] = run_each(["check", ROOT / "layers/demo/boundary.txt", "--json"], cwd=tmp_path)
    for body in checked.json["records"]:
        assert [error.message for error in schema.iter_errors(body)] == []
        assert body["provenance"]["digest"] == digest(body)
