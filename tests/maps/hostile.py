"""A workspace in which every name is markup or script: whatever turns one of them into a page shows it, or runs it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from geo_service.model.layer import Features
from geo_service.model.register import Claim
from geo_service.model.report import ImportReport
from geo_service.store.definitions import bundled
from geo_service.store.workspace import Workspace
from tests import world
from tests.api.serving import AS_OF, report_of

#: The sinks of the map library execute each of these where they are not written as entities.
PAYLOADS = (
    "</script><img src=x onerror=alert(1)>",
    "<img src=x onerror=\"document.title='BROKEN'\">",
    "${alert(1)}",
    "`+alert(1)+`);alert(1)//",
    "&#36;&#123;alert(1)&#125; &lt;b&gt;",
)
#: What such a name begins with, so that it is known again, and ends with.
MARK, END = re.compile(r"§(\w+)§"), "¶"
#: Attributes that are looked up in tables or read by a rule; they are no names.
READ = {
    "id", "zone", "code", "progress", "status", "effect", "version_status", "zone_version", "land_use", "core_codes",
    "land_use_system", "readiness_standard", "indicators", "code_system", "required_codes", "excluded_project_types",
    "working_crs",
}  # fmt: skip
_TITLE = re.compile(r'^(title|short|publisher) = \{zh = "([^"]*)", en = "([^"]*)"', re.MULTILINE)
_WORD = re.compile(r'\b(document|article|owner) ?= ?"([^"]*)"')


def hostile(kind: str) -> str:
    """A name that holds all of them."""
    return f"§{kind}§{''.join(PAYLOADS)}{END}"


def hostile_ids(kind: str) -> list[str]:
    """Ids that hold one each; an id is short and has no slash."""
    return [f"§{kind}§{text.replace('/', '')}{END}" for text in PAYLOADS]


def definitions(folder: Path) -> tuple[Path, Path]:
    """The bundled catalogue and rulebook under other titles."""

    def quoted(kind: str) -> str:
        return hostile(kind).replace('"', '\\"')

    found = []
    for source in bundled():
        target = shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("demo"))
        for file in target.rglob("*.toml"):
            text = file.read_text(encoding="utf-8")
            text = _TITLE.sub(
                lambda one: f'{one[1]} = {{zh = "{one[2]}{quoted(one[1])}", en = "{one[3]}{quoted(one[1])}"', text
            )
            if source.name != "layers":
                text = _WORD.sub(lambda one: f'{one[1]} = "{one[2]}{quoted(one[1])}"', text)
            file.write_text(text, encoding="utf-8")
        found.append(target)
    return found[0], found[1]


def claim(parcel_id: str, one: Claim) -> Claim:
    return replace(
        one, parcel_id=parcel_id, document=hostile("claim"), issuer=hostile("issuer"), remark=hostile("remark")
    )


def hostile_workspace(folder: Path, ids: Sequence[str]) -> Workspace:
    """Parcels of some ids side by side, and every layer that a rule reads."""
    layers_dir, assessments_dir = definitions(folder)
    workspace = Workspace.create(folder / "ws", layers_dir=layers_dir, assessments_dir=assessments_dir, as_of=AS_OF)
    ready = world.ready_world()
    parcels = [
        {
            "id": id_,
            "geometry": world.box(300 * number, 100, 300 * number + 200, 300),
            "zone": "Z",
            "land_use": "100102",
            "land_use_system": "landsea_2023",
        }
        for number, id_ in enumerate(ids)
    ]
    for edition in (*ready.editions.values(), world.features("parcels", parcels)):
        data = edition.data
        origin = replace(
            data.origin, licence=hostile("licence"), attribution=hostile("credit"), source_name=hostile("source")
        )
        spec = workspace.catalogue.layers[data.spec.id]
        if isinstance(data, Features):
            named = [field.name for field in spec.fields if field.type == "text" and not field.codes]
            data = replace(
                data,
                spec=spec,
                origin=origin,
                attributes={
                    name: tuple(hostile(name) for _ in column) if name in named and name not in READ else column
                    for name, column in data.attributes.items()
                },
            )
            report = report_of(data)
        else:
            data = replace(data, spec=spec, origin=origin)
            report = ImportReport("test.tif", "test", spec.id, data.crs, "declared", "", "", 1, 1)
        workspace.publish(data, report)
    for row in parcels[:2]:
        workspace.register.put(
            claims=[claim(row["id"], one) for one in ready.parcel.claims],
            indicators=[
                replace(one, parcel_id=row["id"], document=hostile("indicator")) for one in ready.parcel.indicators
            ],
        )
    return workspace
