"""Parcels with everything that is known of them: boundary and attributes of the layer, facts of the register."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from geo_service.errors import NotFound
from geo_service.model.layer import Edition, Features, LayerSet, Value
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
        parcel.informed(facts.get(parcel.id), claims.get(parcel.id, ()), indicators.get(parcel.id, ()))
        for parcel in _stored(features, range(len(features)), repairs, edition.name)
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
    [stored] = _stored(features, [features.ids.index(id_)], _repairs(workspace, edition.name), edition.name)
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
            parcel.informed(facts.get(parcel.id), claims.get(parcel.id, ()), indicators.get(parcel.id, ()))
            for parcel in _stored(features, range(len(features)), repairs, edition)
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


def _stored(
    features: Features, rows: Sequence[int], repairs: Mapping[str, tuple[Repair, ...]], edition: str
) -> Iterator[Parcel]:
    """Return what the layer says of some parcels, in the order of rows; column by column, as they may be very many."""

    def values(name: str) -> list[Value]:
        column = features.attributes.get(name)
        return [None] * len(rows) if column is None else [column[row] for row in rows]

    def texts(name: str) -> list[str | None]:
        return [value if isinstance(value, str) and value else None for value in values(name)]

    def days(name: str) -> list[date | None]:
        return [value if isinstance(value, date) else None for value in values(name)]

    columns = (
        rows,
        texts("name"),
        texts("zone"),
        texts("land_use"),
        texts("land_use_system"),
        texts("project_type"),
        [float(value) if isinstance(value, int | float) else None for value in values("registered_area_m2")],
        days("planned_notice_on"),
        days("handover_on"),
        texts("stage"),
        texts("batch"),
        texts("unit_no"),
        texts("location"),
    )
    for row, name, zone, use, system, kind, area, notice, handover, stage, batch, unit, place in zip(
        *columns, strict=True
    ):
        id_ = features.ids[row]
        yield Parcel(
            id=id_,
            geometry=features.geometries[row],
            crs=features.crs,
            name=name,
            zone=zone,
            land_use=use,
            land_use_system=system,
            project_type=kind,
            registered_area_m2=area,
            planned_notice_on=notice,
            handover_on=handover,
            stage=stage,
            batch=batch,
            unit_no=unit,
            location=place,
            repairs=repairs.get(id_, ()),
            edition=edition,
        )
