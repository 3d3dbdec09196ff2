"""What is asked for when a file is brought."""

from __future__ import annotations

import errno
import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

#: Names of our own in the folder of a job.
FILE, EXTENT, LOG = "file", "extent", "log"
#: How the system says that a disk, a quota or a limit is full.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Order:
    """A file for a layer, and how to read it.

    Attributes
    ----------
    name : str
        The name that the file came with; messages and the ids of a TXT use it, no path does.
    edition_date : date
        The date of the data.
    layer_name : str or None
        Which layer of a file that holds several.
    anywhere : bool
        Whether the file may lie far from every zone.
    dry_run : bool
        Whether it is looked at only.
    """

    layer: str
    name: str
    edition_date: date
    crs: str | None = None
    encoding: str | None = None
    id_field: str | None = None
    layer_name: str | None = None
    quarantine: bool = False
    anywhere: bool = False
    dry_run: bool = False

    def fingerprint(self, *contents_sha256: str) -> str:
        """Return a hash of the order and of the files that came with it."""
        said = json.dumps([asdict(self), contents_sha256], default=str, ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()


@dataclass(frozen=True)
class Task:
    """What the importing process is told.

    Attributes
    ----------
    folder : Path
        The job's own folder: the files, and room for what is temporary.
    """

    workspace: Path
    job: str
    folder: Path
    order: Order
