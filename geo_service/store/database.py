"""The register's connections: SQLite here; another engine needs only this module's counterpart.

Writers take turns behind a lock file, because SQLite before 3.51.3 can lose pages when two connections write or
checkpoint a WAL at the same moment. Readers never wait.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import URL, Column, Connection, Engine, create_engine, event, inspect, select
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import NullPool

from geo_service.errors import WorkspaceError
from geo_service.store.lock import exclusive
from geo_service.store.tables import APPEND_ONLY, LATER, LATER_COLUMNS, METADATA

BUSY_TIMEOUT_MS = 5000
WRITE_TURN_S = 30.0

DAMAGED = (
    "台账 {name} 无法读取（{why}），请从备份恢复 / the register {name} cannot be read ({why}); restore it from a backup"
)
BUSY = (
    "台账 {name} 暂时无法读写（{why}），请检查磁盘空间后重试 / "
    "the register {name} cannot be used right now ({why}); look at the disk space and try again"
)


class Database(Protocol):
    """What the register asks of a database: transactions to read in and transactions to write in."""

    def reading(self) -> AbstractContextManager[Connection]:
        """One snapshot to read from."""

    def writing(self) -> AbstractContextManager[Connection]:
        """One transaction to write in: all of it is kept or none of it."""

    def writable(self) -> bool:
        """Tell whether somebody could write now, or does."""

    def version(self) -> Hashable:
        """Something that is another after whatever was written by whomever; ``None`` where that cannot be told."""


class Glance:
    """Tells at little cost whether anything was written to a file: a connection that stays open and reads no table.

    Parameters
    ----------
    path : Path
        The file; where another takes its place, that is looked at.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._place: tuple[int, int, int] | None = None
        self._opened = 0
        # SQLite forbids to use, or to close, what was opened before a fork.
        self._inherited: list[sqlite3.Connection] = []

    def version(self) -> tuple[int, int] | None:
        """Return something that is another after every change; ``None`` where the file cannot be looked at."""
        try:
            with self._lock:
                status = os.stat(self._path)
                place = (os.getpid(), status.st_dev, status.st_ino)
                if self._connection is None or place != self._place:
                    self._open(place)
                assert self._connection is not None
                (version,) = self._connection.execute("PRAGMA data_version").fetchone()
                return self._opened, int(version)
        except (OSError, sqlite3.Error):
            return None

    def _open(self, place: tuple[int, int, int]) -> None:
        if self._connection is not None and self._place is not None:
            if self._place[0] == place[0]:
                self._connection.close()
            else:
                self._inherited.append(self._connection)
            self._connection = None
        connection = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
        connection.execute("PRAGMA query_only=ON")
        self._connection, self._place, self._opened = connection, place, self._opened + 1

    def __del__(self) -> None:
        """Close the file, unless another process opened it."""
        if self._connection is not None and self._place is not None and self._place[0] == os.getpid():
            self._connection.close()


class Sqlite:
    """A register in one SQLite file.

    The file is opened by Python's own SQLite only: a second SQLite in the process (GDAL carries one) would silently
    drop the locks of the first when it closes the file (sqlite.org/howtocorrupt 2.2.1).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = path.with_name(path.name + ".lock")
        self._reader = _engine(path, writes=False)
        self._writer = _engine(path, writes=True)
        self._glance = Glance(path)

    @classmethod
    def create(cls, path: Path) -> Sqlite:
        """Make a new register with its tables; those of ``APPEND_ONLY`` refuse changes to what was written."""
        database = cls(path)
        with database.writing() as connection:
            METADATA.create_all(connection)
            for table in APPEND_ONLY:
                for change in ("UPDATE", "DELETE"):
                    connection.exec_driver_sql(
                        f"CREATE TRIGGER {table.name}_no_{change.lower()} BEFORE {change} ON {table.name} "
                        f"BEGIN SELECT RAISE(ABORT, '{table.name} is append-only'); END"
                    )
        return database

    @classmethod
    def open(cls, path: Path) -> Sqlite:
        """Open a register.

        Raises
        ------
        WorkspaceError
            When the file is not there, is no database, or lacks a table.
        """
        if not path.is_file():
            raise WorkspaceError(DAMAGED.format(name=path.name, why="缺失 missing"))
        database = cls(path)
        try:
            with database._reader.begin() as connection:
                there = set(inspect(connection).get_table_names())
                later = [table for table in LATER if table.name not in there]
                columns = [column for column in LATER_COLUMNS if _lacks(connection, column)]
                for table in METADATA.sorted_tables:
                    if table not in later:
                        known = (column for column in table.columns if column not in set(columns))
                        connection.execute(select(*known).limit(1)).first()
        except DatabaseError as error:
            raise WorkspaceError(DAMAGED.format(name=path.name, why=error.orig)) from error
        if later or columns:
            with database.writing() as connection:
                METADATA.create_all(connection, tables=later)
                for column in columns:
                    # Another process may have opened it in between.
                    if _lacks(connection, column):
                        kind = column.type.compile(connection.dialect)
                        connection.exec_driver_sql(f"ALTER TABLE {column.table.name} ADD COLUMN {column.name} {kind}")
        return database

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One snapshot to read from."""
        with self._told(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction to write in: all of it is kept or none of it."""
        with exclusive(self._lock, WRITE_TURN_S), self._told(), self._writer.begin() as connection:
            yield connection

    def writable(self) -> bool:
        """Tell whether somebody could write now, or does."""
        try:
            with exclusive(self._lock, 0.0), self._writer.begin():
                return True
        except WorkspaceError:
            return True
        except DatabaseError:
            return False

    def version(self) -> Hashable:
        """Something that is another after whatever was written by whomever; ``None`` where that cannot be told."""
        return self._glance.version()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            raise WorkspaceError(BUSY.format(name=self.path.name, why=error.orig)) from error
        except DatabaseError as error:
            raise WorkspaceError(DAMAGED.format(name=self.path.name, why=error.orig)) from error


def _lacks(connection: Connection, column: Column[Any]) -> bool:
    there = inspect(connection)
    table = column.table.name
    return there.has_table(table) and column.name not in {str(one["name"]) for one in there.get_columns(table)}


def _engine(path: Path, *, writes: bool) -> Engine:
    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        # The driver must not begin transactions by itself: it begins them as readers, which cannot wait for a writer.
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL" if writes else "query_only=ON",
            "synchronous=FULL",
            "foreign_keys=ON",
            "trusted_schema=OFF",
            "cell_size_check=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
