"""Messages between the program and its reading process: a length, then bytes; answers hold known kinds of values."""

from __future__ import annotations

import io
import pickle
import struct
from typing import Any, BinaryIO

READY = b"ready"
_LENGTH = struct.Struct(">Q")

#: The only names an answer may bring in. The process that reads hostile files must not be able to hand back code.
_KNOWN = {
    ("geo_service.errors", "Fault"),
    ("geo_service.errors", "InputError"),
    ("geo_service.errors", "RejectedRows"),
    ("geo_service.errors", "TooComplex"),
    ("geo_service.ingest.job", "GridResult"),
    ("geo_service.ingest.job", "VectorResult"),
    ("geo_service.model.parcel", "Repair"),
    ("geo_service.model.report", "ImportReport"),
    ("datetime", "date"),
}


def send(sink: BinaryIO, payload: bytes) -> None:
    """Write one message."""
    sink.write(_LENGTH.pack(len(payload)))
    sink.write(payload)
    sink.flush()


def receive(source: BinaryIO) -> bytes | None:
    """Read one message; ``None`` when the other side is gone."""
    head = source.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    payload = source.read(length)
    return payload if len(payload) == length else None


class _Answers(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in an answer")
        return super().find_class(module, name)


def opened(payload: bytes) -> Any:
    """Read an answer.

    Raises
    ------
    pickle.UnpicklingError
        When it holds anything but the known kinds of values.
    """
    return _Answers(io.BytesIO(payload)).load()
