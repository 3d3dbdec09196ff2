"""Parcels in an offset datum lie hundreds of metres beside where they are; that is noticed by those already there."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import shapely

from geo_service.api.app import create_app
from geo_service.cli import main
from geo_service.errors import InputError
from geo_service.importing import refuse_shifted
from geo_service.model.layer import Features, Origin
from geo_service.projection import lon_lat
from geo_service.service import Service
from geo_service.store.workspace import Workspace
from tests import world
from tests.api.serving import AS_OF, OPEN, Served, report_of, running
from tests.imports.bringing import brought, collection

GEOJSON = {"headers": {"Content-Type": "application/geo+json"}}


def offset(points: np.ndarray) -> np.ndarray:
    """The published formula of the offset datum that map services use."""
    lon, lat = points[:, 0], points[:, 1]
    x, y = lon - 105.0, lat - 35.0
    pi = math.pi
    common = (20 * np.sin(6 * x * pi) + 20 * np.sin(2 * x * pi)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * np.sqrt(np.abs(x)) + common
    north += (20 * np.sin(y * pi) + 40 * np.sin(y / 3 * pi)) * 2 / 3
    north += (160 * np.sin(y / 12 * pi) + 320 * np.sin(y * pi / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * np.sqrt(np.abs(x)) + common
    east += (20 * np.sin(x * pi) + 40 * np.sin(x / 3 * pi)) * 2 / 3
    east += (150 * np.sin(x / 12 * pi) + 300 * np.sin(x / 30 * pi)) * 2 / 3
    axis, eccentricity = 6378245.0, 0.00669342162296594323
    magic = 1 - eccentricity * np.sin(np.radians(lat)) ** 2
    dlat = north * 180 / (axis * (1 - eccentricity) / (magic * np.sqrt(magic)) * pi)
    dlon = east * 180 / (axis / np.sqrt(magic) * np.cos(np.radians(lat)) * pi)
    return np.column_stack([lon + dlon, lat + dlat])


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Workspace:
    made = Workspace.create(tmp_path_factory.mktemp("offset") / "ws", as_of=AS_OF)
    data = degrees(made)
    made.publish(data, report_of(data))
    return made


@pytest.fixture(scope="module")
def served(workspace: Workspace) -> Iterator[Served]:
    service = Service(workspace, lambda: AS_OF)
    with running(create_app(service, policy=OPEN), service) as found:
        yield found


def degrees(workspace: Workspace, count: int = 500) -> Features:
    """Parcels in degrees, as a map service would give them."""
    boxes = [world.box(40 * (n % 25), 40 * (n // 25), 40 * (n % 25) + 30, 40 * (n // 25) + 30) for n in range(count)]
    shapes = np.array([lon_lat(one, world.CRS) for one in boxes], dtype=object)
    ids = tuple(f"P-{n}" for n in range(count))
    origin = Origin("test", "0" * 64, AS_OF, synthetic=True)
    return Features(workspace.catalogue.layers["parcels"], "EPSG:4490", ids, shapes, {}, origin)


def test_five_hundred_parcels_of_an_offset_datum_are_refused_and_the_offset_is_told(workspace):
    given = degrees(workspace)
    moved = replace(given, geometries=shapely.transform(given.geometries, offset))
    with pytest.raises(InputError) as caught:
        refuse_shifted(workspace, moved)
    fault = caught.value.faults[0]
    assert fault.code == "datum_suspect"
    assert 300 <= float((fault.value or "").removesuffix(" m")) <= 700


def test_the_same_parcels_surveyed_again_and_other_parcels_are_taken(workspace):
    given = degrees(workspace)
    refuse_shifted(workspace, given)
    refuse_shifted(workspace, replace(given, geometries=shapely.transform(given.geometries, lambda xy: xy + 1e-4)))
    moved = shapely.transform(given.geometries, offset)
    refuse_shifted(workspace, replace(given, ids=tuple(f"N-{n}" for n in range(500)), geometries=moved))
    # A few that were swapped or laid out anew are not the whole.
    some = given.geometries.copy()
    some[:100] = moved[:100]
    refuse_shifted(workspace, replace(given, geometries=some))


def file_of(given: Features, *, shifted: bool, prefix: str = "") -> bytes:
    shapes = shapely.transform(given.geometries, offset) if shifted else given.geometries
    return collection(
        *(
            {"type": "Feature", "geometry": json.loads(shapely.to_geojson(shape)), "properties": {"id": prefix + id_}}
            for id_, shape in zip(given.ids, shapes, strict=True)
        )
    )


def test_a_file_of_an_offset_datum_is_refused_when_it_is_brought(served, workspace):
    given = degrees(workspace, 5)
    before = workspace.register.editions()
    job = brought(served.client, "parcels", file_of(given, shifted=True))
    assert (job["state"], job["edition"]) == ("refused", None)
    [fault] = job["rejected"]
    assert fault["code"] == "datum_suspect" and 300 <= float(fault["value"].removesuffix(" m")) <= 700
    assert "加偏" in fault["reason"]["zh"] and "anywhere" in fault["next"]["en"]
    assert workspace.register.editions() == before
    # What somebody says did move is taken.
    job = brought(served.client, "parcels", file_of(given, shifted=True), dry_run=True, anywhere=True)
    assert (job["state"], job["counts"]["stored"]) == ("done", 5)


def test_the_command_refuses_it_too(workspace, tmp_path, capsys):
    (tmp_path / "a.geojson").write_bytes(file_of(degrees(workspace, 5), shifted=True))
    before = workspace.register.editions()
    with pytest.raises(SystemExit) as left:
        main(["import", "parcels", str(tmp_path / "a.geojson"), "--workspace", str(workspace.directory)])
    assert left.value.code == 2
    assert "datum_suspect" in capsys.readouterr().err
    assert workspace.register.editions() == before


@pytest.mark.parametrize("count", [1, 5])
def test_a_check_of_it_is_answered_with_a_warning(served, workspace, count):
    def warned(content: bytes, **how: object) -> list[str]:
        answer = served.client.post("/check", **({"content": content, **GEOJSON} if not how else how))
        assert answer.status_code == 200 and len(answer.json()["records"]) == count
        return [words for words in answer.json()["report"]["warnings"] if "同编号" in words and "same ids" in words]

    given = degrees(workspace, count)
    shifted = file_of(given, shifted=True)
    [words] = warned(shifted)
    assert 300 <= int(re.search(r"(\d+) m beside", words)[1]) <= 700
    assert warned(shifted, files={"file": ("a.geojson", shifted)}) == [words]
    assert warned(file_of(given, shifted=False)) == []
    assert warned(file_of(given, shifted=True, prefix="N-")) == []
