"""The public package of every parcel of the demo: its own coordinates, and nothing of a layer that is not public."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import shapely

from geo_service.export.profile import Profile
from geo_service.maps.draw import label_point
from geo_service.maps.view import MapParcel
from geo_service.model.catalogue import FieldType, Secrecy
from geo_service.model.layer import Features
from geo_service.model.units import mu
from geo_service.projection import lon_lat
from geo_service.service import Service

#: A number that is followed by no unit: areas and distances are no places.
NUMBER = re.compile(r"(?<![\w.])\d+\.\d+(?![\d.]|\s?(?:亩|mu|㎡|m²|m³|m\b|%|公顷|ha|万元))")
#: Words that stand for a kind of thing rather than for one thing: the rules name them too.
KINDS = {"code", "code_system", "mineral", "land_use", "level", "use"}
Packages = dict[str, dict[str, str]]


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def packages(service: Service) -> Packages:
    """Every parcel's public package as text, by parcel and file; the blocks of a page stand apart."""
    found: Packages = {}
    for parcel in service.parcels:
        _, content = service.package([parcel], None, Profile.PUBLIC, forced=True)
        files: dict[str, str] = {}
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                text = archive.read(name).decode("gb18030" if name.endswith(".txt") else "utf-8")
                blocks = re.split("(?=<script|<style)", text) if name.endswith(".html") else [text]
                files |= {f"{name} {number}": block for number, block in enumerate(blocks)}
        found[parcel] = files
    return found


@pytest.fixture(scope="module")
def shared_blocks(packages: Packages) -> dict[str, list[str]]:
    """Each different text once, with the places where it stands: the parts that all pages share are long."""
    places: dict[str, list[str]] = defaultdict(list)
    for parcel, files in packages.items():
        for name, text in files.items():
            places[text].append(f"{parcel} {name}")
    return places


def secret_layers(service: Service) -> Iterator[tuple[str, Features]]:
    for name, edition in service.layers.editions.items():
        if edition.spec.secrecy is not Secrecy.PUBLIC and isinstance(edition.data, Features):
            yield name, edition.data


def test_all_parcels_have_a_package(service: Service, packages: Packages) -> None:
    assert len(packages) == len(service.parcels) > 200
    statuses = {json.loads(files["assessment.json 0"])["verdict"]["status"] for files in packages.values()}
    assert statuses == {"ready", "conditional", "not_ready", "undetermined"}


def test_no_coordinate_but_the_parcels_own(service: Service, packages: Packages) -> None:
    """Every number of the region's size is one of the parcel's, at the decimals at which it is written.

    A page also looks at the middle of the parcel and labels it there: places of the parcel, and of nothing else.
    """
    everything = shapely.union_all(
        [
            shapely.box(*lon_lat(shapely.box(*shapely.total_bounds(edition.data.geometries)), edition.data.crs).bounds)
            for edition in service.layers.editions.values()
            if isinstance(edition.data, Features) and len(edition.data)
        ]
    )
    west, south, east, north = everything.bounds
    for parcel, files in packages.items():
        verdict = service.verdict(parcel)
        degrees = lon_lat(verdict.geometry, verdict.crs)
        box = degrees.bounds
        middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        label = label_point(MapParcel({}, degrees, ()))
        own_lon, own_lat = shapely.get_coordinates(degrees).T
        own_x, own_y = shapely.get_coordinates(verdict.geometry).T
        kinds = (
            (west - 0.1, east + 0.1, 1e-7, 3, np.concatenate([own_lon, [middle[0], label[0]]])),
            (south - 0.1, north + 0.1, 1e-7, 3, np.concatenate([own_lat, [middle[1], label[1]]])),
            (3.5e5, 6.5e5, 6e-4, 0, own_x),
            (3.835e7, 3.865e7, 6e-4, 0, own_x + 38e6),
            (3.9e6, 4.2e6, 6e-4, 0, own_y),
        )
        areas = np.array([verdict.area_m2, verdict.ellipsoidal_area_m2, mu(verdict.area_m2)])
        for name, text in files.items():
            for match in NUMBER.finditer(text):
                value = float(match.group())
                decimals = len(match.group().partition(".")[2])
                for low, high, within, least, own in kinds:
                    # Shares and areas are written with fewer decimals than a place in degrees has.
                    if low <= value <= high and decimals >= least and np.abs(areas - value).min() > 1e-4:
                        assert np.abs(own - value).min() <= within, (
                            f"{parcel} {name}: {text[max(0, match.start() - 80) : match.end() + 20]}"
                        )


def test_no_name_of_a_feature_that_is_not_public(service: Service, shared_blocks: dict[str, list[str]]) -> None:
    """Ids, names, holders, papers: no text of a layer that is not public, except the names of kinds of things."""
    parcels = service.layers.features("parcels")
    assert parcels is not None
    # What bureaux write of a parcel themselves is the parcel's.
    public = {str(value) for column in parcels.attributes.values() for value in column} | set(parcels.ids)
    public |= {code for system in service.catalogue.code_systems.values() for code in system.codes}
    public |= {entry.zh for system in service.catalogue.code_systems.values() for entry in system.codes.values()}
    secrets: dict[str, set[str]] = defaultdict(set)
    for layer, features in secret_layers(service):
        for id_ in features.ids:
            secrets[id_].add(f"{layer}.id")
        for field in features.spec.fields:
            if field.type is FieldType.TEXT and not field.codes and field.name not in KINDS:
                for value in features.attributes.get(field.name, ()):
                    if isinstance(value, str) and len(value) > 2:
                        secrets[value].add(f"{layer}.{field.name}")
    names = sorted(set(secrets) - public, key=len, reverse=True)
    assert len(names) > 300
    pattern = re.compile("|".join(map(re.escape, names)))
    rules = service.rulebook.model_dump_json()
    for text, places in shared_blocks.items():
        for found in set(pattern.findall(text)):
            assert found in rules, f"{found} of {secrets[found]} stands in {places[:3]}"


def test_no_measured_level_holder_or_reserve(packages: Packages) -> None:
    for parcel, files in packages.items():
        body: dict[str, Any] = json.loads(files["assessment.json 0"])
        level = body["readiness"]["level"]
        figures = ("share_within_tolerance", "slope_p95_percent", "cut_m3", "fill_m3", "nodata_share")
        assert [level[name] for name in figures] == [None] * 5, parcel
        said = json.dumps(level["message"], ensure_ascii=False)
        assert not re.search(r"\d\s?(m³|%)", said), said
        for reason in body["verdict"]["reasons"]:
            if reason["code"] == "LEVEL":
                said = json.dumps([reason["message"], reason["needed"]], ensure_ascii=False)
                assert not re.search(r"\d\s?(m³|%)", said), said
        everything = "".join(text for name, text in files.items() if not text.startswith(("<script>/*", "<style>/*")))
        for word in ("储量", "万吨/", '"holder"', "矿业权人：", "权利人"):
            assert word not in everything, (parcel, word)


def test_layers_that_are_not_public_lend_only_outcomes(service: Service, packages: Packages) -> None:
    secret = service.secret_layers()
    layer_of = {code: rule.layer for code, rule in service.rulebook.constraints.items()}
    network_of = {code: rule.layer for code, rule in service.rulebook.services.items()}
    named = 0
    for parcel, files in packages.items():
        body = json.loads(files["assessment.json 0"])
        for entry in body["constraints"]:
            if layer_of[entry["code"]] in secret:
                named += len(entry["parts"])
                assert [part["features"] for part in entry["parts"]] == [[]] * len(entry["parts"]), parcel
        for entry in body["readiness"]["services"]:
            if network_of[entry["code"]] in secret:
                assert entry["nearest"] is None, parcel
    assert named > 50
