"""Collections of features: the layers, and the verdicts. What is private or withheld is in none of them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from threading import Lock
from typing import Any, Protocol

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo_service.api.cql import Filter
from geo_service.api.parameters import Box, day, spanned
from geo_service.api.reference import Reference
from geo_service.errors import NotFound
from geo_service.export.geojson import LON_LAT_DECIMALS, plain, rounded
from geo_service.kept import Kept
from geo_service.model.catalogue import FieldType
from geo_service.model.layer import Edition, Features, Value
from geo_service.model.parcel import AsOf
from geo_service.model.rulebook import Rulebook
from geo_service.model.text import Text
from geo_service.projection import lon_lat
from geo_service.service import Service
from geo_service.snapshot import Snapshot, Summary

VERDICTS = "verdicts"
#: So many parts of editions are kept.
PLACED = 200
#: Numbers as JSON has them, because that is how the queryables are described.
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(_INTEGER.pattern + r"(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_FROM, _TO = "valid_from", "valid_to"


@dataclass(frozen=True)
class Queryable:
    """A property by which items can be asked for; ``read`` turns the text of a parameter into its value."""

    name: str
    title: Text
    type: FieldType
    codes: tuple[str, ...] = ()

    def read(self, text: str) -> Value:
        """Read the text of a query parameter.

        Raises
        ------
        ValueError
            When it is no value of this type, or none of the codes.

        Examples
        --------
        >>> Queryable("n", Text("数", "n"), FieldType.NUMBER).read("2.50")
        2.5
        """
        if self.type is FieldType.NUMBER:
            return float(_written(_NUMBER, text))
        if self.type is FieldType.INTEGER:
            return int(_written(_INTEGER, text))
        if self.type is FieldType.BOOLEAN:
            return {"true": True, "false": False}[text]
        if self.type is FieldType.DATE:
            found: date = day(text)
            return found
        if self.codes and text not in self.codes:
            raise ValueError(text)
        return text


def _written(form: re.Pattern[str], text: str) -> str:
    if not form.fullmatch(text):
        raise ValueError(text)
    return text


class Items(Protocol):
    """Features in the order of their ids, with places in lon/lat; attributes are asked for one feature at a time."""

    @property
    def ids(self) -> Sequence[str]:
        """Ids, sorted."""

    @property
    def drawn(self) -> NDArray[np.object_]:
        """Places as answers give them in degrees, ``None`` where a feature has none."""

    @property
    def tree(self) -> shapely.STRtree:
        """Spatial index over the places as they are drawn."""

    def geometry(self, row: int) -> BaseGeometry | None:
        """Return the place of one feature."""

    def properties(self, row: int) -> Mapping[str, Value]:
        """Return the attributes of one feature."""


class LayerItems:
    """The features of an edition."""

    def __init__(self, edition: Edition) -> None:
        data = edition.data
        assert isinstance(data, Features)
        self._data = data
        self._rows = sorted(range(len(data)), key=lambda row: data.ids[row])
        self._fields = [field.name for field in data.spec.shown_fields]
        self.ids = [data.ids[row] for row in self._rows]
        self.geometries = np.empty(len(data), dtype=object)
        for place, row in enumerate(self._rows):
            geometry = data.geometries[row]
            self.geometries[place] = None if geometry is None else lon_lat(geometry, data.crs)

    @cached_property
    def tree(self) -> shapely.STRtree:
        """Spatial index over the places as they are drawn."""
        return shapely.STRtree(self.drawn)

    @cached_property
    def drawn(self) -> NDArray[np.object_]:
        """Places as answers give them in degrees, so that who names the place that was given finds it.

        Where rounding would make a place invalid, it is as it was.
        """
        found = rounded(self.geometries, LON_LAT_DECIMALS)
        return np.where(shapely.is_valid(found), found, self.geometries)

    @cached_property
    def bounds(self) -> Box | None:
        """Where the features lie, in degrees; ``None`` where none has a place."""
        placed = [geometry for geometry in self.geometries if geometry is not None]
        if not placed:
            return None
        west, south, east, north = shapely.total_bounds(placed)
        return float(west), float(south), float(east), float(north)

    def geometry(self, row: int) -> BaseGeometry | None:
        """Return the place of one feature."""
        found: BaseGeometry | None = self.geometries[row]
        return found

    def properties(self, row: int) -> Mapping[str, Value]:
        """Return the attributes that may be seen."""
        return {name: self._data.value(self._rows[row], name) for name in self._fields}


class VerdictItems:
    """The parcels with what was concluded of each; concluded when it is asked for."""

    def __init__(self, snapshot: Snapshot, asked: AsOf, places: Items) -> None:
        self._snapshot = snapshot
        self._asked = asked
        self._places = places
        self.ids = places.ids

    @property
    def tree(self) -> shapely.STRtree:
        """Spatial index over the parcels."""
        return self._places.tree

    @property
    def drawn(self) -> NDArray[np.object_]:
        """Places as answers give them in degrees."""
        return self._places.drawn

    def geometry(self, row: int) -> BaseGeometry | None:
        """Return the parcel as it was measured."""
        return self._snapshot.place(self.ids[row], self._asked)

    def summary(self, row: int) -> Summary:
        """Return what was concluded of one parcel, in short."""
        return self._snapshot.summary(self.ids[row], self._asked)

    def properties(self, row: int) -> Mapping[str, Value]:
        """Return the flat properties of the record."""
        return self.summary(row).properties


@dataclass(frozen=True)
class Collection:
    """A collection as it is described."""

    id: str
    title: Text
    description: Text
    licence: str
    geometry: str
    queryables: tuple[Queryable, ...]
    edition: str | None
    #: The layer in which its items have their places; their layer in the tiles has its name.
    layer: str

    @property
    def takes_as_of(self) -> bool:
        """Tell whether its items are answers, which depend on a date."""
        return self.id == VERDICTS


@dataclass(frozen=True)
class Page:
    """One page of what was asked for: rows of the items, how many there are in all, and where to go on."""

    rows: tuple[int, ...]
    matched: int
    #: The last id of this page, where there are more.
    last: str | None


Test = Callable[[Mapping[str, Value]], bool]


def select(
    items: Items, bbox: Box | None, tests: Sequence[Test], wanted: Filter | None, limit: int, after: str | None
) -> Page:
    """Choose a page of items, in the order of their ids.

    Parameters
    ----------
    bbox : Box, optional
        Degrees; one whose west is east of its east goes round the back of the globe.
    tests : sequence of callables
        Each must hold for an item's properties.
    wanted : Filter, optional
        Must hold for an item.
    after : str, optional
        The last id of the page before: what comes or goes meanwhile moves no other item to another page.
    """
    rows: Sequence[int] = range(len(items.ids)) if bbox is None else within(items, bbox)
    if tests or wanted is not None:
        rows = [row for row in rows if _passes(items, row, tests, wanted)]
    return paged(items.ids, rows, limit, after)


def paged(ids: Sequence[str], rows: Sequence[int], limit: int, after: str | None) -> Page:
    """Cut a page out of rows that are in the order of their ids."""
    start = 0 if after is None else bisect_right(rows, after, key=lambda row: ids[row])
    shown = tuple(rows[start : start + limit])
    return Page(shown, len(rows), ids[shown[-1]] if start + limit < len(rows) else None)


def _passes(items: Items, row: int, tests: Sequence[Test], wanted: Filter | None) -> bool:
    properties = items.properties(row)
    if not all(test(properties) for test in tests):
        return False
    return wanted is None or wanted.holds(properties, items.drawn[row])


def within(items: Items, bbox: Box) -> list[int]:
    """Rows whose geometry meets a box, and those that have none: they are in every box (part 1, requirement 24)."""
    met = items.tree.query(shapely.get_parts(spanned(bbox)), predicate="intersects")[1]
    rows: list[int] = np.union1d(met, np.flatnonzero(shapely.is_missing(items.drawn))).tolist()
    return rows


def equals(queryable: Queryable, text: str) -> Test:
    """Test that a property has a value.

    Raises
    ------
    ValueError
        When the text is no value of the property's type; says what is.
    """
    try:
        wanted = queryable.read(text)
    except (ValueError, KeyError) as error:
        raise ValueError(" | ".join(queryable.codes) or queryable.type.value) from error
    shown = wanted.isoformat() if isinstance(wanted, date) else wanted
    return lambda properties: plain(properties.get(queryable.name)) == shown


def during(start: date | None, end: date | None) -> Test:
    """Test that the time for which a feature holds meets an interval; one without such time always does."""

    def test(properties: Mapping[str, Value]) -> bool:
        first, last = properties.get(_FROM), properties.get(_TO)
        begins_late = isinstance(first, date) and end is not None and first > end
        ends_early = isinstance(last, date) and start is not None and last < start
        return not (begins_late or ends_early)

    return test


def feature(items: Items, row: int, reference: Reference) -> dict[str, Any]:
    """Write one item as GeoJSON, with coordinates in a CRS."""
    geometry = items.geometry(row)
    return {
        "type": "Feature",
        "id": items.ids[row],
        "geometry": None if geometry is None else reference.write(geometry),
        "properties": {name: plain(value) for name, value in items.properties(row).items()},
    }


class Shelf:
    """All collections of a service; what was placed on the globe is kept until another edition of its layer is."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = Lock()
        # By layer, edition, and the part of it that a key for some zones sees.
        self._placed: Kept[tuple[str, str, str], LayerItems] = Kept(PLACED)

    def collections(self, snapshot: Snapshot) -> list[Collection]:
        """Describe what there is: zones, parcels and verdicts first, then the other layers."""
        rules = self._service.rulebook
        first = (rules.zones_layer, rules.parcels_layer)
        editions = snapshot.layers.editions
        order = [*(name for name in first if name in editions), *(name for name in editions if name not in first)]
        found = []
        for name in order:
            if _is_shown(editions[name]):
                found.append(_of_layer(editions[name]))
                if name == rules.parcels_layer:
                    found.append(_of_verdicts(rules))
        return found

    def collection(self, snapshot: Snapshot, name: str) -> Collection:
        """Return one collection.

        Raises
        ------
        NotFound
            When there is none of that name that may be seen.
        """
        for found in self.collections(snapshot):
            if found.id == name:
                return found
        if name in self._service.catalogue.layers:
            raise NotFound(
                f"图层 {name} 没有可公开查看的数据版次，不等于没有要素 / "
                f"layer {name} has no edition to be seen here, which does not mean that there is nothing"
            )
        raise NotFound(f"没有数据集 {name[:64]} / there is no collection {name[:64]}")

    def items(self, snapshot: Snapshot, collection: Collection, asked: AsOf) -> LayerItems | VerdictItems:
        """Return the items of a collection."""
        return self.verdicts(snapshot, asked) if collection.takes_as_of else self._layer(snapshot, collection.id)

    def verdicts(self, snapshot: Snapshot, asked: AsOf) -> VerdictItems:
        """Return the parcels with what was concluded of each; none where no parcels are imported.

        Raises
        ------
        NotFound
            When no parcels are imported.
        """
        return VerdictItems(snapshot, asked, self._layer(snapshot, self._service.rulebook.parcels_layer))

    def bounds(self, snapshot: Snapshot, collection: Collection) -> Box | None:
        """Return where a collection's items lie, in degrees."""
        return self._layer(snapshot, collection.layer).bounds

    def _layer(self, snapshot: Snapshot, layer: str) -> LayerItems:
        edition = snapshot.layers.editions.get(layer)
        if edition is None:
            raise NotFound(f"图层 {layer} 未导入 / layer {layer} is not imported")
        with self._lock:
            key = (layer, edition.name, edition.part)
            found = self._placed.get(key)
            if found is None:
                found = LayerItems(edition)
                self._placed.drop(lambda old: old[0] == layer and old[1] != edition.name)
                self._placed.put(key, found, 1)
        return found


def _is_shown(edition: Edition) -> bool:
    return isinstance(edition.data, Features) and not edition.spec.is_withheld


def _of_layer(edition: Edition) -> Collection:
    spec, data = edition.spec, edition.data
    assert isinstance(data, Features)
    day = edition.edition_date.isoformat() if edition.edition_date else "—"
    publisher = spec.publisher or Text("—", "—")
    synthetic = Text("；演示数据", "; demonstration data") if data.origin.synthetic else Text("", "")
    return Collection(
        spec.id,
        spec.title,
        Text(
            f"数据版次 {edition.name}，数据日期 {day}，来源 {publisher.zh}",
            f"edition {edition.name}, data of {day}, by {publisher.en}",
        )
        + synthetic,
        data.origin.licence or spec.licence,
        spec.geometry.value,
        tuple(
            Queryable(field.name, field.title, field.type, () if field.open_codes else tuple(field.codes))
            for field in spec.shown_fields
        ),
        edition.name,
        spec.id,
    )


_TYPES = {
    "area_m2": FieldType.NUMBER,
    "area_mu": FieldType.NUMBER,
    "as_of": FieldType.DATE,
    "valid_until": FieldType.DATE,
    "readiness_met": FieldType.BOOLEAN,
}
_TITLES = {
    "parcel_id": Text("地块编号", "Parcel"),
    "name": Text("名称", "Name"),
    "zone": Text("开发区", "Zone"),
    "land_use": Text("用地代码", "Land use code"),
    "as_of": Text("核查基准日", "As of"),
    "area_m2": Text("面积（㎡）", "Area in m²"),
    "area_mu": Text("面积（亩）", "Area in mu"),
    "verdict": Text("核查结论", "Verdict"),
    "valid_until": Text("结论有效至", "Valid until"),
    "readiness_standard": Text("通平标准", "Readiness standard"),
    "readiness_met": Text("通平已达标", "Readiness met"),
    "digest": Text("校验码", "Digest"),
}
_PARTS = (
    ("outcome", FieldType.TEXT, Text("结果", "outcome")),
    ("share", FieldType.NUMBER, Text("覆盖率", "share")),
    ("valid_to", FieldType.DATE, Text("有效期至", "valid to")),
)


def _of_verdicts(rules: Rulebook) -> Collection:
    titles = {
        **{code: rules.assessments[code].title for code in (*rules.order.core, *rules.order.local)},
        **{code: rules.services[code].title for code in rules.order.services},
        rules.level.code: rules.level.title,
    }
    flat = [Queryable(name, title, _TYPES.get(name, FieldType.TEXT)) for name, title in _TITLES.items()]
    for code, title in titles.items():
        for part, kind, words in _PARTS:
            flat.append(Queryable(f"{code}_{part}", title + Text(" ", ": ") + words, kind))
    return Collection(
        VERDICTS,
        Text("核查结论", "Verdicts"),
        Text(
            "各地块在核查基准日的核查结论，逐项结果见 /parcels/{id}/assessment",
            "what was concluded of each parcel on a date; every finding is in /parcels/{id}/assessment",
        ),
        "",
        "polygon",
        tuple(flat),
        None,
        rules.parcels_layer,
    )
