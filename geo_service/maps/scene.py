"""What a page shows: parcels with their records, layers, and the words around them. Geometry is lon/lat (OGC:CRS84)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shapely.geometry.base import BaseGeometry

from geo_service.model.catalogue import LayerSpec
from geo_service.model.text import Text

Record = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class MapPiece:
    """Ground that an outcome rests on; ``role`` is ``uncovered`` or ``affected``, ``code`` the finding's."""

    role: str
    code: str
    cls: str | None
    area_m2: float
    severity: str
    geometry: BaseGeometry


@dataclass(frozen=True, slots=True)
class Filed:
    """What a parcel is filed under, beside its number.

    Attributes
    ----------
    notice_on : str
        The planned notice date, empty when none is planned.
    changed : bool
        Whether the verdict that was kept when the parcel was announced was another.
    """

    notice_on: str = ""
    stage: str = ""
    batch: str = ""
    unit_no: str = ""
    location: str = ""
    changed: bool = False


@dataclass(frozen=True, eq=False)
class MapParcel:
    """One parcel: its assessment record and its outline; ``land_use`` and ``zone_name`` say what codes stand for."""

    record: Record
    geometry: BaseGeometry
    pieces: tuple[MapPiece, ...] = ()
    land_use: Text | None = None
    zone_name: str | None = None
    filed: Filed = Filed()

    @property
    def id(self) -> str:
        """The parcel's id."""
        return str(self.record["parcel"]["id"])


@dataclass(frozen=True, eq=False)
class Neighbour:
    """A parcel near the one that a page is about: drawn as an outline, and nothing is said of it."""

    id: str
    name: str
    area_m2: float
    geometry: BaseGeometry


@dataclass(frozen=True, eq=False)
class MapLayer:
    """One edition of a layer: features as ``(id, geometry, properties)``, and the ground it was surveyed on.

    A property is a plain value or a ``Text`` that says what a code stands for.
    """

    spec: LayerSpec
    edition: str
    features: Sequence[tuple[str, BaseGeometry, Mapping[str, Any]]]
    extent: BaseGeometry | None = None
    synthetic: bool = False
    attribution: str = ""
    licence: str = ""


@dataclass(frozen=True, eq=False)
class RuleNames:
    """What the rulebook calls things in lists: short names by code, and the preconditions (code or none, name)."""

    short: Mapping[str, Text] = field(default_factory=dict)
    preconditions: tuple[tuple[str | None, Text], ...] = ()


@dataclass(frozen=True, eq=False)
class MapView:
    """Everything on one page.

    Attributes
    ----------
    parcels : tuple of MapParcel
        Drawn, listed and counted in this order.
    around : tuple of Neighbour
        Drawn as outlines.
    layers : tuple of MapLayer
        Beside the parcels themselves; the first lies lowest.
    crs_text : Text
        The CRS in which areas were measured, in words.
    layer_titles : mapping of str to Text
        Titles of the layers that records name by id.
    as_of, fallback : str
        The one date asked about, ``None`` where each parcel has its own; and the date of a parcel that has none.
    links : bool
        True for served pages (buttons lead to the package routes), False for a file that stands alone.
    claims : bool
        Whether the reader may enter claims.
    basemaps : sequence of mapping
        Those that may be laid under the map, as the API describes them.
    """

    title: Text
    as_of: str | None
    fallback: str
    data_until: str
    parcels: tuple[MapParcel, ...]
    layers: tuple[MapLayer, ...] = field(default=())
    crs_text: Text = field(default=Text("", ""))
    synthetic: bool = False
    links: bool = False
    claims: bool = False
    today: str = ""
    layer_titles: Mapping[str, Text] = field(default_factory=dict)
    names: RuleNames = field(default=RuleNames())
    basemaps: Sequence[Mapping[str, Any]] = ()
    around: tuple[Neighbour, ...] = ()
