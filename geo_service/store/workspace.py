"""A workspace: one folder with everything a bureau has brought in.

::

    workspace.toml     schema, as_of, which catalogue and rulebook
    register.sqlite    claims, facts, indicators, published editions, history, audit
    keys.secret        without it no key opens anything; there once a key was made
    editions/          immutable files, one an edition
    layers/            only where the workspace brings its own catalogue
    assessments/       only where it brings its own rulebook
"""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from geo_service.errors import NotFound, WorkspaceError
from geo_service.model.catalogue import Catalogue, Frozen
from geo_service.model.layer import Edition, Features, Grid, LayerSet
from geo_service.model.report import ImportReport
from geo_service.model.rulebook import Rulebook
from geo_service.store import editions
from geo_service.store.database import Sqlite
from geo_service.store.definitions import bundled, check_against, load_catalogue, load_rulebook
from geo_service.store.keys import SECRET, Keys
from geo_service.store.prepared import can_be_prepared, prepared
from geo_service.store.prepared import clean as clean_prepared
from geo_service.store.register import EditionRow, Register

SCHEMA = 1
FILE = "workspace.toml"
LAYERS, ASSESSMENTS = "layers", "assessments"


class _Description(Frozen):
    """What ``workspace.toml`` says."""

    schema_number: int = Field(alias="schema")
    as_of: date | None = None
    catalogue: Literal["bundled", "layers"]
    rulebook: Literal["bundled", "assessments"]


class Workspace:
    """One bureau's data; made by ``create`` or ``open``.

    Attributes
    ----------
    directory : Path
        The folder.
    register : Register
        Claims, facts, indicators, history.
    keys : Keys
        Who may ask a server of it.
    """

    def __init__(self, directory: Path, description: _Description) -> None:
        self.directory = directory
        database = Sqlite.open(directory / editions.REGISTER)
        self.register = Register(database)
        self.keys = Keys(database, directory / SECRET)
        self._description = description
        self._read: dict[str, Edition] = {}

    @classmethod
    def create(
        cls,
        directory: Path,
        *,
        layers_dir: Path | None = None,
        assessments_dir: Path | None = None,
        as_of: date | None = None,
    ) -> Workspace:
        """Make a workspace in a new or empty folder; one that is there already and says the same is opened.

        Parameters
        ----------
        layers_dir, assessments_dir : Path, optional
            The workspace's own catalogue and rulebook, copied into it; else the bundled ones hold.
        as_of : date, optional
            The date on which parcels without a planned notice date are asked about.

        Raises
        ------
        WorkspaceError
            When the folder holds something else, or a workspace with other settings.
        CatalogueError, RulebookError
            When a definition brought along is wrong; nothing is made then.
        """
        catalogue = None if layers_dir is None else load_catalogue(layers_dir)
        rulebook = None if assessments_dir is None else load_rulebook(assessments_dir)
        if layers_dir is not None or assessments_dir is not None:
            check_against(rulebook or load_rulebook(bundled()[1]), catalogue or load_catalogue(bundled()[0]))
        if (directory / FILE).exists():
            workspace = cls.open(directory)
            if (
                (as_of is not None and as_of != workspace.as_of)
                or (catalogue is not None and catalogue != workspace.catalogue)
                or (rulebook is not None and rulebook != workspace.rulebook)
            ):
                raise WorkspaceError(
                    f"{directory} 已是工作区且设置不同：请修改其中的 {FILE} 或换一个目录 / "
                    f"{directory} is a workspace with other settings: change its {FILE} or choose another folder"
                )
            return workspace
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise WorkspaceError(
                f"{directory} 不是空目录，也不是工作区：请换一个目录 / "
                f"{directory} is not empty and is no workspace: choose another folder"
            )
        directory.mkdir(parents=True, exist_ok=True)
        try:
            (directory / editions.FOLDER).mkdir()
            for source, name in ((layers_dir, LAYERS), (assessments_dir, ASSESSMENTS)):
                if source is not None:
                    shutil.copytree(source, directory / name)
            Sqlite.create(directory / editions.REGISTER)
            # Last, because a folder is a workspace from the moment this file is there.
            lines = [
                f"schema = {SCHEMA}",
                *([] if as_of is None else [f"as_of = {as_of.isoformat()}"]),
                f'catalogue = "{"bundled" if layers_dir is None else LAYERS}"',
                f'rulebook = "{"bundled" if assessments_dir is None else ASSESSMENTS}"',
            ]
            temporary = directory / (FILE + editions.PARTIAL)
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
            os.replace(temporary, directory / FILE)
        except BaseException:
            for entry in directory.iterdir():
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
            raise
        return cls.open(directory)

    @classmethod
    def open(cls, directory: Path) -> Workspace:
        """Open a workspace and remove what a broken-off import left behind.

        Raises
        ------
        WorkspaceError
            When there is none, it is damaged, or a newer version of this program made it.
        """
        file = directory / FILE
        try:
            text = file.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            raise WorkspaceError(
                f"{directory} 不是工作区，请先运行 geo-service init {directory} / "
                f"{directory} is no workspace; run geo-service init {directory} first"
            ) from None
        try:
            values = tomllib.loads(text)
            schema = values.get("schema")
            if isinstance(schema, int) and schema > SCHEMA:
                raise WorkspaceError(
                    f"工作区 {directory} 的结构版本为 {schema}，本程序只支持到 {SCHEMA}，请升级程序 / "
                    f"workspace {directory} has schema {schema}, this program knows up to {SCHEMA}; upgrade the program"
                )
            description = _Description.model_validate(values)
        except (tomllib.TOMLDecodeError, ValidationError) as error:
            raise WorkspaceError(
                f"{file} 无法读取（{_first(error)}），请改正或从备份恢复 / "
                f"{file} cannot be read ({_first(error)}); mend it or restore it from a backup"
            ) from error
        if description.schema_number != SCHEMA:
            raise WorkspaceError(
                f"{file} 的结构版本 {description.schema_number} 不存在，请从备份恢复 / "
                f"{file} names schema {description.schema_number}, which never was; restore it from a backup"
            )
        (directory / editions.FOLDER).mkdir(exist_ok=True)
        cls.clean(directory)
        return cls(directory, description)

    @staticmethod
    def clean(directory: Path) -> None:
        """Remove what a broken-off import left behind, unless an import is going on."""
        editions.clean(directory)
        clean_prepared(directory)

    @property
    def as_of(self) -> date | None:
        """The date on which parcels without a planned notice date are asked about."""
        return self._description.as_of

    @cached_property
    def catalogue(self) -> Catalogue:
        """The layers this workspace knows."""
        own = self._description.catalogue != "bundled"
        return load_catalogue(self.directory / LAYERS if own else bundled()[0])

    @cached_property
    def rulebook(self) -> Rulebook:
        """The rules this workspace is judged by."""
        own = self._description.rulebook != "bundled"
        return load_rulebook(self.directory / ASSESSMENTS if own else bundled()[1])

    def publish(
        self, data: Features | Grid, report: ImportReport, *, at: datetime | None = None, job: str | None = None
    ) -> Edition:
        """Store data as an edition and make it the one of its layer that is read; see ``editions.write``."""
        return editions.write(self.directory, data, report, at=at, job=job)

    def withdraw(self, layer: str, *, at: datetime | None = None) -> EditionRow:
        """Stop reading a layer; its editions stay for replay.

        Raises
        ------
        NotFound
            When no edition of the layer is published.
        """
        return self.register.withdraw(layer, at=at)

    def editions(self) -> tuple[EditionRow, ...]:
        """Every edition ever imported, with its import report, in the order of import."""
        return self.register.editions()

    def edition(self, name: str) -> Edition:
        """Read one edition by name, published or not.

        Raises
        ------
        NotFound
            When no edition has that name.
        """
        known = self._read.get(name)
        if known is not None:
            return known
        row = self.register.edition(name)
        spec = self.catalogue.layers.get(row.layer)
        if spec is None:
            raise WorkspaceError(
                f"图层目录不再包含 {row.layer}（版次 {name}）：请恢复其定义或撤下该图层 / "
                f"the catalogue no longer has {row.layer} (edition {name}): restore its file or withdraw the layer"
            )
        edition = editions.read(editions.path(self.directory, name, spec), spec)
        if not can_be_prepared(spec):
            return edition
        return replace(edition, whereabouts=partial(prepared, self.directory, edition.name, edition.sha256))

    def layer_set(self, names: Mapping[str, str] | None = None) -> LayerSet:
        """Read the published editions, or those named for replay.

        Parameters
        ----------
        names : mapping of str to str, optional
            Edition name by layer. Layers that are not named are missing from the set.

        Raises
        ------
        NotFound
            When an edition is not there, or is of another layer.
        """
        if names is None:
            published = {name: self.edition(name) for name in self.register.published().values()}
            # Editions never change, so what was read once stays; what is no longer published may go.
            self._read = published
            return LayerSet({edition.spec.id: edition for edition in published.values()})
        chosen = {layer: self.edition(name) for layer, name in sorted(names.items())}
        for layer, edition in chosen.items():
            if edition.spec.id != layer:
                raise NotFound(
                    f"版次 {edition.name} 不属于图层 {layer} / edition {edition.name} is not of layer {layer}"
                )
        return LayerSet(chosen)


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return str(error)
