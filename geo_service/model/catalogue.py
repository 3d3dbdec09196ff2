"""What a layer is: fields, aliases, code lists, extent, age, secrecy. One TOML file a layer."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from geo_service.model.text import Text


class Frozen(BaseModel):
    """A value read from a TOML file: immutable, and every unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class GeometryKind(StrEnum):
    """What geometry a layer holds."""

    POLYGON = "polygon"
    LINE = "line"
    ANY = "any"
    RASTER = "raster"


class FieldType(StrEnum):
    """What a field holds."""

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DATE = "date"


class Extent(StrEnum):
    """How the ground that a layer speaks about is known."""

    FEATURES = "features"
    ZONES = "zones"
    JURISDICTION = "jurisdiction"
    DATA = "data"


class Secrecy(StrEnum):
    """Who may see a layer."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    SECRET = "secret"


class Code(Frozen):
    """One entry of a field's code list: ``aliases`` are read as the code itself."""

    zh: str
    en: str
    aliases: tuple[str, ...] = ()


class FieldSpec(Frozen):
    """One attribute of a layer.

    ``aliases`` are other column names (shapefile abbreviations, Chinese names); ``required`` rejects a row without it.
    A value outside ``codes`` rejects the row, unless ``open_codes``: then it is kept as it stands, because the
    vocabulary differs from place to place, and the rules take it as unclassified.
    """

    name: str
    title: Text
    type: FieldType = FieldType.TEXT
    aliases: tuple[str, ...] = ()
    required: bool = False
    codes: dict[str, Code] = Field(default_factory=dict)
    open_codes: bool = False
    minimum: float | None = None
    unit: str = ""
    private: bool = False


class LayerSpec(Frozen):
    """One layer of the catalogue.

    ``geometry_from`` names a field that may stand in for a missing geometry (a report that names a zone version).
    """

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    title: Text
    geometry: GeometryKind
    group: str
    fields: tuple[FieldSpec, ...] = ()
    class_field: str | None = None
    surveyed_class: str | None = None
    surveyed_extent: Extent | None = None
    width_m: Annotated[float, Field(gt=0)] = 0.10
    max_age_days: Annotated[int, Field(gt=0)] | None = None
    geometry_from: str | None = None
    unit: str = ""
    publisher: Text | None = None
    licence: str = ""
    secrecy: Secrecy = Secrecy.INTERNAL
    basis: str = ""
    color: Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$")] = "#55616A"

    def field(self, name: str) -> FieldSpec | None:
        """Return the field of that name, or ``None``."""
        return next((field for field in self.fields if field.name == name), None)

    @property
    def is_withheld(self) -> bool:
        """Whether nothing of the layer may be shown but its name."""
        return self.secrecy in (Secrecy.CONFIDENTIAL, Secrecy.SECRET)

    @property
    def shown_fields(self) -> tuple[FieldSpec, ...]:
        """Fields that may be shown; the id stands beside the properties."""
        return tuple(field for field in self.fields if not field.private and field.name != "id")


class LandCode(Frozen):
    """One land-use code of one system; ``same_as`` are the codes of the reference system it means."""

    zh: str
    en: str
    same_as: tuple[str, ...] = ()


class CodeSystem(Frozen):
    """A land-use classification. ``reference`` marks the one that others are translated to.

    ``pattern`` is what its codes look like; ``recognised`` says that a code of that look needs no system beside it.
    """

    id: str
    title: Text
    aliases: tuple[str, ...] = ()
    document: str
    reference: bool = False
    pattern: str
    recognised: bool = False
    codes: dict[str, LandCode]


@lru_cache(maxsize=8)
def _unpacked(packed: bytes) -> Catalogue:
    # Made by this program, see `Catalogue.packed`.
    return Catalogue.model_construct(**pickle.loads(packed))  # noqa: S301


class Catalogue(Frozen):
    """All layers and code systems of a workspace."""

    layers: dict[str, LayerSpec]
    code_systems: dict[str, CodeSystem] = Field(default_factory=dict)
    sha256: str = ""

    @cached_property
    def packed(self) -> bytes:
        """The same as bytes; see `__reduce__`."""
        return pickle.dumps({name: getattr(self, name) for name in type(self).model_fields}, protocol=5)

    def __reduce__(self) -> tuple[Callable[[bytes], Catalogue], tuple[bytes]]:
        """Travel with every job to another process as bytes that are made once here and read once there."""
        return _unpacked, (self.packed,)

    def system(self, name: str) -> CodeSystem | None:
        """Return the code system of that id or alias, or ``None``."""
        for system in self.code_systems.values():
            if name == system.id or name in system.aliases:
                return system
        return None

    def system_of(self, code: str, system_name: str | None) -> CodeSystem | None:
        """Return the code system a code belongs to, ``None`` when that is unknown or ambiguous.

        A code that carries no system is only understood when its look is unmistakable.
        """
        if system_name is not None:
            return self.system(system_name)
        found = [
            system for system in self.code_systems.values() if system.recognised and re.fullmatch(system.pattern, code)
        ]
        return found[0] if len(found) == 1 else None

    def named(self, code: str, system_name: str | None) -> Text:
        """Write a land-use code with its name and its system; what is not known of it is said."""
        system = self.system_of(code, system_name)
        if system is None:
            return Text(f"{code}（代码体系不明）", f"{code} (code system not known)")
        entry = system.codes.get(code)
        if entry is None:
            return Text(f"{code}（{system.title.zh}未收录）", f"{code} (not in the {system.title.en})")
        return Text(f"{entry.zh} {code} · {system.title.zh}", f"{entry.en} {code} · {system.title.en}")

    def meaning(self, code: str, system_name: str | None) -> tuple[str, ...]:
        """Codes of the reference system that a code means; empty when it is unknown or ambiguous.

        A code that carries no system is only understood when its look is unmistakable.
        """
        system = self.system_of(code, system_name)
        if system is None:
            return ()
        entry = system.codes.get(code)
        if system.reference:
            return (code,) if entry is not None else ()
        return entry.same_as if entry is not None else ()


__all__ = [
    "Catalogue",
    "Code",
    "CodeSystem",
    "Extent",
    "FieldSpec",
    "FieldType",
    "Frozen",
    "GeometryKind",
    "LandCode",
    "LayerSpec",
    "Secrecy",
]
