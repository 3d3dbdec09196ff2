"""Editions: immutable files named for their content, and the one of each layer that is published.

A file is written under a temporary name, read back, synced and renamed; only then its row enters the register. Whatever
happens in between, a reader sees the old edition or the new one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from geo_service.errors import WorkspaceError
from geo_service.model.catalogue import Catalogue, GeometryKind, LayerSpec
from geo_service.model.layer import Edition, Features, Grid
from geo_service.model.report import ImportReport
from geo_service.store import parquet
from geo_service.store.database import Sqlite
from geo_service.store.lock import exclusive
from geo_service.store.register import EditionRow, Register

FOLDER = "editions"
REGISTER = "register.sqlite"
PARTIAL = ".partial"
LOCK = ".lock"
IMPORT_TURN_S = 300.0


def write(
    workspace_dir: Path,
    data: Features | Grid,
    report: ImportReport,
    *,
    at: datetime | None = None,
    job: str | None = None,
) -> Edition:
    """Store data as an edition and publish it.

    The same data gives the same name in every workspace; storing it again changes nothing, or makes it the published
    edition once more.

    Parameters
    ----------
    at : datetime, optional
        When, for the audit.
    job : str, optional
        The job that this is; see `geo_service.store.register.Register.publish`.

    Returns
    -------
    Edition
        As it was read back from the file.

    Raises
    ------
    WorkspaceError
        When another import is going on, or the file does not read back as it was written.
    CalledOff
        When the job is no longer at work.
    """
    folder = workspace_dir / FOLDER
    with exclusive(folder / LOCK, IMPORT_TURN_S):
        edition = _stored(folder, data, report)
    Register(Sqlite.open(workspace_dir / REGISTER)).publish(
        data.spec.id,
        edition.name,
        edition.sha256,
        edition.edition_date,
        report,
        input_sha256=data.origin.source_sha256,
        at=at,
        job=job,
    )
    return edition


def read(path: Path, spec: LayerSpec) -> Edition:
    """Read an edition and check that its content is what its name says.

    Raises
    ------
    WorkspaceError
        When the file is missing, damaged, or its content has changed.
    """
    return _read(path, path.stem, spec)


def batches(workspace_dir: Path, row: EditionRow, catalogue: Catalogue, rows: int) -> Iterator[Features]:
    """Read the features of an edition so many at a time, once its content was checked.

    Raises
    ------
    WorkspaceError
        As `read`.
    """
    spec = catalogue.layers[row.layer]
    file = path(workspace_dir, row.name, spec)
    _checked(row.name, spec, parquet.sha256_of(file))
    yield from parquet.batches(file, spec, rows)


def path(workspace_dir: Path, name: str, spec: LayerSpec) -> Path:
    """Where an edition lies."""
    return workspace_dir / FOLDER / (name + _suffix(spec))


def clean(workspace_dir: Path) -> None:
    """Remove what a broken-off import left behind, unless an import is going on."""
    folder = workspace_dir / FOLDER
    try:
        with exclusive(folder / LOCK, 0):
            for leftover in folder.glob(f"*{PARTIAL}*"):
                leftover.unlink()
    except WorkspaceError:
        return


def _suffix(spec: LayerSpec) -> str:
    return ".tif" if spec.geometry is GeometryKind.RASTER else ".parquet"


def _stored(folder: Path, data: Features | Grid, report: ImportReport) -> Edition:
    spec = data.spec
    temporary = folder / (spec.id + PARTIAL)
    try:
        if isinstance(data, Features):
            table = parquet.table(data, report.repairs)
            sha256 = parquet.sha256(table)
            parquet.write(table, temporary)
        else:
            # GDAL is loaded only where there are grids, because it brings a second SQLite into the process.
            from geo_service.store import cog

            sha256 = cog.sha256(data)
            cog.write(data, temporary)
        name = f"{spec.id}@{sha256[:12]}"
        edition = _read(temporary, name, spec)
        if isinstance(edition.data, Grid):
            # Each block is compared with its digest where it is read.
            edition.data.values[:, :]
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path := folder / (name + _suffix(spec)))
    finally:
        temporary.unlink(missing_ok=True)
    _sync(folder)
    # A grid goes on reading from its file, which has another name now.
    return _read(path, name, spec) if isinstance(edition.data, Grid) else edition


def _read(path: Path, name: str, spec: LayerSpec) -> Edition:
    if spec.geometry is GeometryKind.RASTER:
        from geo_service.store import cog

        grid = cog.read(path, spec)
        return Edition(name, _checked(name, spec, cog.sha256(grid)), grid)
    # Checked before it is decoded: what a damaged file decodes to is anybody's guess.
    table = parquet.read(path)
    sha256 = _checked(name, spec, parquet.sha256(table))
    return Edition(name, sha256, parquet.features(table, spec))


def _checked(name: str, spec: LayerSpec, sha256: str) -> str:
    if name != f"{spec.id}@{sha256[:12]}":
        raise WorkspaceError(
            f"数据版次 {name} 的内容与名称不符（磁盘损坏或被改动），请从备份恢复或重新导入 / "
            f"the content of edition {name} is not what its name says (damaged or altered); "
            "restore it from a backup or import it again"
        )
    return sha256


def _sync(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
