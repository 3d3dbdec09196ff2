"""Parcels with everything that is known of them: boundary and attributes of the layer, facts of the register."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date

from geo_service.errors import NotFound
from geo_service.model.layer import Edition, Features, LayerSet, Value
from geo_service.model.parcel import Parcel, Repair
from geo_service.store import editions
from geo_service.store.workspace import Workspace

#: Fewer than SQLite takes names in one question.
BATCH_ROWS = 4_096


class Parcels(Mapping[str, Parcel]):
    """Parcels by id, in the order of ids; each is put together when it is asked for.

    Parameters
    ----------
    make : callable
        Puts the parcel of a row together.
    rows : mapping of str to int
        Of each id, in the order of ids.
    notices : sequence of date or None
        When the notice of each row is planned for.
    """

    def __init__(self, make: Callable[[int], Parcel], rows: Mapping[str, int], notices: Sequence[date | None]) -> None:
        self._make = make
        self._rows = rows
        self._notices = notices

    def __getitem__(self, id_: str) -> Parcel:
        """Return one parcel."""
        return self._make(self._rows[id_])

    def __iter__(self) -> Iterator[str]:
        """Go through the ids."""
        return iter(self._rows)

    def __len__(self) -> int:
        """Count them."""
        return len(self._rows)

    def __contains__(self, id_: object) -> bool:
        """Tell whether there is one of that id."""
        return id_ in self._rows

    def some(self, ids: Collection[str]) -> Parcels:
        """Return those whose ids are named."""
        return Parcels(self._make, {id_: row for id_, row in self._rows.items() if id_ in ids}, self._notices)

    def notice(self, id_: str) -> date | None:
        """Return the day for which the notice of one is planned.

        Raises
        ------
        KeyError
            When there is none of that id.
        """
        return self._notices[self._rows[id_]]

    def notices(self) -> Iterator[tuple[str, date | None]]:
        """Go through the ids with the day for which the notice of each is planned."""
        for id_, row in self._rows.items():
            yield id_, self._notices[row]


def parcels(workspace: Workspace, layers: LayerSet | None = None) -> Parcels:
    """Every parcel, in the order of ids; none where no parcels layer is imported.

    Parameters
    ----------
    layers : LayerSet, optional
        The editions to read, for replay; else the published ones.
    """
    edition, features = _layer(workspace, layers)
    if edition is None or features is None:
        none: dict[int, Parcel] = {}
        return Parcels(none.__getitem__, {}, ())
    register, name = workspace.register, edition.name
    facts, claims, indicators = register.all_facts(), register.all_claims(), register.all_indicators()
    repairs, planned = _repairs(workspace, name), _days(features, "planned_notice_on")

    def made(row: int) -> Parcel:
        [parcel] = _stored(features, (row,), repairs, name)
        return parcel.informed(facts.get(parcel.id), claims.get(parcel.id, ()), indicators.get(parcel.id, ()))

    rows = {id_: row for row, id_ in enumerate(features.ids)}
    for id_, known in facts.items():
        if id_ in rows and known.planned_notice_on is not None:
            planned[rows[id_]] = known.planned_notice_on
    return Parcels(made, {id_: rows[id_] for id_ in sorted(rows)}, planned)


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


def _days(features: Features, name: str) -> list[date | None]:
    column = features.attributes.get(name)
    if column is None:
        return [None] * len(features)
    return [value if isinstance(value, date) else None for value in column]


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
