"""A PostGIS of its own for the tests: a cluster in a folder that is thrown away, reached through a socket in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROLE = "postgres"


def programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, ``None`` where they or PostGIS are missing."""
    if not list(Path("/usr/share/postgresql").glob("*/extension/postgis.control")):
        return None
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return next((path.parent for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)), None)


@contextmanager
def cluster() -> Iterator[str]:
    """Start a cluster with PostGIS and give the words that connect to it; it is gone afterwards."""
    import psycopg

    folder = programs()
    assert folder is not None
    # PostgreSQL refuses to run as root; pytest's own folders are closed to everyone else.
    as_role = ["runuser", "-u", ROLE, "--"] if os.geteuid() == 0 else []
    home = Path(tempfile.mkdtemp(prefix="geo-postgis-"))
    try:
        if as_role:
            shutil.chown(home, ROLE, ROLE)
        data = home / "data"

        def run(program: str, *arguments: str) -> None:
            done = subprocess.run(
                [*as_role, str(folder / program), *arguments], cwd=home, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr

        run("initdb", "-D", str(data), "-A", "trust", "-U", ROLE, "-E", "UTF8", "--locale=C", "--no-sync")
        options = f"-k {home} -c listen_addresses= -c fsync=off -c jit=off"
        run("pg_ctl", "-D", str(data), "-l", str(home / "log"), "-w", "-o", options, "start")
        try:
            words = f"host={home} user={ROLE} dbname=postgres"
            with psycopg.connect(words, autocommit=True) as connection:
                connection.execute("CREATE EXTENSION postgis")
            yield words
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)
