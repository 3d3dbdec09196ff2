"""The bytes that were given, copied once, so that what is hashed is what is read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from geo_service.ingest.sniff import HEAD_BYTES, Format, format_of, head_of

_CHUNK = 1 << 20
_SIBLINGS = (".shx", ".dbf", ".prj", ".cpg")


@dataclass
class Source:
    """A private copy of one input.

    Attributes
    ----------
    name : str
        The name it came with, for messages and ids only.
    files : dict of str to Path
        For a bare shapefile its parts by lower-case suffix, ``.shp`` included.
    """

    name: str
    folder: Path
    format: Format
    sha256: str
    data: bytes | None = None
    file: Path | None = None
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return Path(self.name).stem or self.name

    def read(self) -> bytes:
        """Return all bytes."""
        if self.data is not None:
            return self.data
        assert self.file is not None
        return self.file.read_bytes()

    def on_disk(self) -> Path:
        """Return a file with the bytes."""
        if self.file is None:
            assert self.data is not None
            self.file = self.folder / "input"
            self.file.write_bytes(self.data)
        return self.file


def from_bytes(data: bytes, name: str, folder: Path, wanted: Format | None = None) -> Source:
    """Take a body; ``wanted`` says what it must be."""
    found = wanted or format_of(data[:HEAD_BYTES], name)
    return Source(name, folder, found, hashlib.sha256(data).hexdigest(), data=data)


def from_path(path: Path, folder: Path, name: str) -> Source:
    """Copy a file (and the other parts of a bare shapefile) into a folder.

    Raises
    ------
    InputError
        When the file is missing, empty or of a format that is not read.
    """
    found = format_of(head_of(path), name)
    digest = hashlib.sha256()
    if found is not Format.SHAPEFILE:
        copy = folder / "input"
        _copy(path, copy, digest)
        return Source(name, folder, found, digest.hexdigest(), file=copy)
    parts = {".shp": path}
    for other in sorted(path.parent.iterdir()):
        suffix = other.suffix.lower()
        if suffix in _SIBLINGS and other.stem == path.stem and other.is_file():
            parts[suffix] = other
    files: dict[str, Path] = {}
    for suffix in sorted(parts):
        files[suffix] = folder / f"input{suffix}"
        digest.update(suffix.encode())
        _copy(parts[suffix], files[suffix], digest)
    return Source(name, folder, found, digest.hexdigest(), file=files[".shp"], files=files)


def _copy(source: Path, target: Path, digest: hashlib._Hash) -> None:
    with source.open("rb") as given, target.open("xb") as out:
        while chunk := given.read(_CHUNK):
            digest.update(chunk)
            out.write(chunk)
