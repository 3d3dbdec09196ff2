"""Parcels with everything that is known of them: boundary and attributes of the layer, facts of the register."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from geo_service.errors import NotFound
from geo_service.model.layer import Edition, Features, LayerSet
from geo_service.model.parcel import Parcel, Repair
from geo_service.store import editions
from geo_service.store.workspace import Workspace

#: Fewer than SQLite takes names in one question.
BATCH_ROWS = 4_096


def parcels(workspace: Workspace, layers: LayerSet | None = None) -> tuple[Parcel, ...]:
    """Every parcel, sorted by id; none where no parcels layer is imported.

    Parameters
    ----------
    layers : LayerSet, optional
        The editions to read, for replay; else the published ones.
    """
    edition, features = _layer(workspace, layers)
    if edition is None or features is None:
        return ()
    register = workspace.register
    facts, claims, indicators = register.all_facts(), register.all_claims(), register.all_indicators()
    repairs = _repairs(workspace, edition.name)
    found = (
        _parcel(features, row, repairs, edition.name).informed(
            facts.get(id_), claims.get(id_, ()), indicators.get(id_, ())
        )
        for row, id_ in enumerate(features.ids)
    )
    return tuple(sorted(found, key=lambda parcel: parcel.id))


def parcel(workspace: Workspace, id_: str, layers: LayerSet | None = None) -> Parcel:
    """One parcel by id.

    Raises
    ------
    NotFound
        When no parcel has that id.
    """
    edition, features = _layer(workspace, layers)
    if edition is None or features is None or id_ not in features.ids:
        raise unknown(id_)
    register = workspace.register
    stored = _parcel(features, features.ids.index(id_), _repairs(workspace, edition.name), edition.name)
    return stored.informed(register.facts_of(id_), register.claims_of(id_), register.indicators_of(id_))


def unknown(id_: str) -> NotFound:
    """The error for a parcel that is not there."""
    return NotFound(
        f"没有地块 {id_[:64]}，请核对编号或先导入地块图层 / "
        f"there is no parcel {id_[:64]}; look at the id, or import the parcels layer first"
    )


def batches(workspace: Workspace, edition: str, rows: int = BATCH_ROWS) -> Iterator[tuple[Parcel, ...]]:
    """Every parcel of an edition in the order of its rows, so many at a time.

    Raises
    ------
    WorkspaceError
        When the file is missing, damaged, or its content is not what the edition's name says.
    """
    register = workspace.register
    repairs = _repairs(workspace, edition)
    for features in editions.batches(workspace.directory, register.edition(edition), workspace.catalogue, rows):
        facts, claims = register.all_facts(features.ids), register.all_claims(features.ids)
        indicators = register.all_indicators(features.ids)
        yield tuple(
            _parcel(features, row, repairs, edition).informed(
                facts.get(id_), claims.get(id_, ()), indicators.get(id_, ())
            )
            for row, id_ in enumerate(features.ids)
        )


def _layer(workspace: Workspace, layers: LayerSet | None) -> tuple[Edition | None, Features | None]:
    layer = workspace.rulebook.parcels_layer
    chosen = workspace.layer_set() if layers is None else layers
    return chosen.editions.get(layer), chosen.features(layer)


def _repairs(workspace: Workspace, edition: str) -> Mapping[str, tuple[Repair, ...]]:
    """Repairs by parcel, out of the import report: a stored geometry no longer shows that it was mended."""
    found: dict[str, tuple[Repair, ...]] = {}
    for repair in workspace.register.edition(edition).report.repairs:
        if repair.id is not None:
            found[repair.id] = (*found.get(repair.id, ()), repair)
    return found


def _parcel(features: Features, row: int, repairs: Mapping[str, tuple[Repair, ...]], edition: str) -> Parcel:
    def text(name: str) -> str | None:
        value = features.value(row, name)
        return value if isinstance(value, str) and value else None

    def day(name: str) -> date | None:
        value = features.value(row, name)
        return value if isinstance(value, date) else None

    area = features.value(row, "registered_area_m2")
    return Parcel(
        id=features.ids[row],
        geometry=features.geometries[row],
        crs=features.crs,
        name=text("name"),
        zone=text("zone"),
        land_use=text("land_use"),
        land_use_system=text("land_use_system"),
        project_type=text("project_type"),
        registered_area_m2=float(area) if isinstance(area, (int, float)) else None,
        planned_notice_on=day("planned_notice_on"),
        handover_on=day("handover_on"),
        stage=text("stage"),
        batch=text("batch"),
        unit_no=text("unit_no"),
        location=text("location"),
        repairs=repairs.get(features.ids[row], ()),
        edition=edition,
    )
