"""A PostGIS of its own for the benchmark: started in a temporary folder, loaded, and thrown away."""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow.parquet as pq

from benchmarks import pieces, workload

SRID = 4547
#: For one user on two cores and 24 GiB: everything stays in memory, and a query may use both cores.
SETTINGS = {
    "shared_buffers": "2GB",
    "effective_cache_size": "8GB",
    "work_mem": "512MB",
    "maintenance_work_mem": "1GB",
    "jit": "off",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "8GB",
    "autovacuum": "off",
    "random_page_cost": "1.0",
    "max_parallel_workers_per_gather": "2",
    "min_parallel_table_scan_size": "0",
    "parallel_setup_cost": "0",
    "parallel_tuple_cost": "0",
}


class Absent(Exception):
    """PostgreSQL or PostGIS is not installed."""


def programs() -> Path:
    """Return the folder with initdb and pg_ctl.

    Raises
    ------
    Absent
        When there is none.
    """
    found = shutil.which("initdb")
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found is None and not versions:
        raise Absent("no initdb: install postgresql and postgresql-15-postgis-3")
    return Path(found).parent if found else versions[-1].parent


class Server:
    """A running cluster; a context manager."""

    def __enter__(self) -> Server:
        """Make a cluster and start it."""
        self.programs = programs()
        self.folder = Path(tempfile.mkdtemp(prefix="bench-postgis-"))
        # initdb refuses to run as root.
        self.user = "postgres" if os.geteuid() == 0 else None
        if self.user:
            os.chown(self.folder, pwd.getpwnam(self.user).pw_uid, -1)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        data = self.folder / "data"
        self._run("initdb", "-D", str(data), "-A", "trust", "-E", "UTF8", "--no-sync")
        settings = {
            **SETTINGS,
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
        }
        with (data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        self._run("pg_ctl", "-D", str(data), "-w", "-l", str(self.folder / "log"), "start")
        with self.connect() as connection:
            connection.execute("CREATE EXTENSION postgis")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it and remove the folder."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self.programs / program, *arguments],
            check=True,
            user=self.user,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs to find it: through its socket."""
        return {
            "PGHOST": str(self.folder),
            "PGPORT": str(self.port),
            "PGUSER": self.user or getpass.getuser(),
            "PGDATABASE": "postgres",
        }

    def connect(self) -> Any:
        """Return a connection that commits each statement."""
        import psycopg

        return psycopg.connect(
            host=str(self.folder),
            port=self.port,
            user=self.user or getpass.getuser(),
            dbname="postgres",
            autocommit=True,
        )

    def _load(self, table: str, columns: dict[str, str], file: Path) -> None:
        """Copy a file into a table, its geometry as PostGIS keeps it."""
        kinds = {"id": "text", "cls": "text", "layer": "text", "code": "int2", "geometry": "bytea"}
        with self.connect() as connection:
            connection.execute(f"DROP TABLE IF EXISTS staging, {table}")
            wanted = ", ".join(f"{name} {kinds[name]}" for name in columns)
            connection.execute(f"CREATE UNLOGGED TABLE staging ({wanted})")
            with connection.cursor().copy(f"COPY staging ({', '.join(columns)}) FROM STDIN (FORMAT binary)") as copy:
                copy.set_types([kinds[name] for name in columns])
                for batch in pq.ParquetFile(file).iter_batches(columns=list(columns)):
                    for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                        copy.write_row(
                            [str(value) if name == "id" else value for name, value in zip(columns, row, strict=True)]
                        )
            shown = ", ".join(f"{value} AS {name}" for name, value in columns.items())
            connection.execute(f"CREATE UNLOGGED TABLE {table} AS SELECT {shown} FROM staging")
            connection.execute("DROP TABLE staging")

    def load_parcels(self, folder: Path, count: int) -> None:
        """Load parcels with their index and areas."""
        geometry = f"ST_GeomFromWKB(geometry, {SRID})"
        self._load("parcels", {"id": "id", "geometry": geometry}, workload.parcels_file(folder, count))
        with self.connect() as connection:
            connection.execute("ALTER TABLE parcels ADD number int, ADD area float8")
            connection.execute(
                "CREATE UNLOGGED TABLE numbered AS SELECT id, geometry, (row_number() OVER ())::int AS number,"
                " ST_Area(geometry) AS area FROM parcels"
            )
            connection.execute("DROP TABLE parcels")
            connection.execute("ALTER TABLE numbered RENAME TO parcels")
            connection.execute("CREATE INDEX ON parcels USING gist (geometry)")
            connection.execute("VACUUM ANALYZE parcels")

    def load_pieces(self, folder: Path) -> None:
        """Load the divided layers with their index."""
        geometry = f"ST_GeomFromWKB(geometry, {SRID})"
        columns = {"code": "code", "layer": "layer", "cls": "cls", "geometry": geometry}
        self._load("pieces", columns, pieces.file_of(folder))
        with self.connect() as connection:
            connection.execute("CREATE UNLOGGED TABLE names AS SELECT DISTINCT code, layer, cls FROM pieces")
            connection.execute("CREATE INDEX pieces_geometry ON pieces USING gist (geometry)")
            connection.execute("CLUSTER pieces USING pieces_geometry")
            connection.execute("VACUUM ANALYZE pieces, names")

    def load_layers(self, folder: Path) -> None:
        """Load the layers as they were delivered."""
        geometry = f"ST_GeomFromWKB(geometry, {SRID})"
        for name, file in workload.layer_files(folder).items():
            self._load(f"layer_{name}", {"id": "id", "cls": "cls", "geometry": geometry}, file)
