"""A workspace of two zones, a key for every purpose, and a server that opens nothing without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from geo_service.api.app import create_app
from geo_service.model.access import Role
from geo_service.model.layer import Features
from geo_service.model.report import ImportReport
from geo_service.service import Service
from geo_service.store.workspace import Workspace
from tests import world
from tests.api.serving import AS_OF, Served, report_of, running

#: Stands in every name and id of what belongs to the other zone, and nowhere else.
OTHER = "OTHERZONE"
ZONES = {"Z", OTHER}


def two_zones(folder: Path) -> Workspace:
    """Store two zones, side by side, with parcels and features in each, across the border, and in neither."""
    workspace = Workspace.create(folder, as_of=AS_OF)
    common = {"land_use": "100102", "land_use_system": "landsea_2023", "project_type": "通用设备制造"}
    late = {"handover_on": date(2027, 4, 1)}
    ready = world.ready_world()
    scope = next(iter(world._rows(ready.editions["assessment_scopes"])))
    made = ready.with_rows(
        "zones",
        {
            **next(iter(world._rows(ready.editions["zones"]))),
            "id": f"{OTHER}-V1",
            "zone": OTHER,
            "name": f"{OTHER} 开发区",
            "geometry": world.box(3000, -2000, 8000, 3000),
        },
    )
    made = made.with_rows(
        "assessment_scopes",
        {**scope, "id": f"{OTHER}-scope", "report_no": f"{OTHER}〔2025〕", "zone_version": f"{OTHER}-V1"},
    )
    made = made.with_rows(
        "geohazard",
        {"id": f"{OTHER}-slope", "geometry": world.box(4000, 0, 4100, 100), "class": "moderate"},
        {"id": "border-slope", "geometry": world.box(2900, 0, 3100, 100), "class": "moderate"},
        {"id": "nobodys-slope", "geometry": world.box(9000, 0, 9100, 100), "class": "moderate"},
    )
    parcels = world.features(
        "parcels",
        [
            {"id": "P", "name": "示例地块", "zone": "Z", "geometry": world.box(*world.PARCEL), **common, **late},
            {"id": "A-2", "name": "未写开发区", "geometry": world.box(400, 100, 500, 200), **common},
            {
                "id": f"{OTHER}-1",
                "name": f"{OTHER} 一",
                "zone": OTHER,
                "geometry": world.box(3500, 100, 3700, 300),
                **common,
            },
            {"id": f"{OTHER}-2", "name": f"{OTHER} 二", "geometry": world.box(3100, 100, 3200, 200), **common},
            {"id": f"{OTHER}-no-zone", "name": f"{OTHER} 三", "geometry": world.box(9000, 500, 9100, 600), **common},
        ],
    )
    for edition in (*made.editions.values(), parcels):
        data = edition.data
        if isinstance(data, Features):
            data = replace(data, spec=workspace.catalogue.layers[data.spec.id])
            report = report_of(data)
        else:
            report = ImportReport("test.tif", "test", data.spec.id, data.crs, "declared", "", "", 1, 1)
        workspace.publish(data, report)
    workspace.register.put(claims=ready.parcel.claims, indicators=ready.parcel.indicators)
    return workspace


Asking = Callable[..., dict[str, str]]


@dataclass(frozen=True)
class Guarded:
    """The server, and how keys for it are made and shown."""

    served: Served
    workspace: Workspace
    keys: dict[str, dict[str, str]]

    def key(self, role: Role, zones: set[str] | None = None) -> dict[str, str]:
        """Make a key and return the header that shows it."""
        written, _ = self.workspace.keys.add(role, zones, "test", 1, datetime.now(UTC))
        return {"Authorization": f"Bearer {written}"}


@pytest.fixture(scope="package")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return two_zones(tmp_path_factory.mktemp("two") / "ws")


@pytest.fixture(scope="package")
def guarded(workspace: Workspace) -> Iterator[Guarded]:
    service = Service(workspace, lambda: AS_OF)
    with running(create_app(service), service) as served:
        found = Guarded(served, workspace, {})
        found.keys.update({role.value: found.key(role) for role in Role})
        found.keys["planner of Z"] = found.key(Role.PLANNER, {"Z"})
        found.keys["planner of other"] = found.key(Role.PLANNER, {OTHER})
        yield found
