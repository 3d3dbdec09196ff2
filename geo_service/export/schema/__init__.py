"""The published JSON Schema of the assessment record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parent / "assessment.schema.json"


def record_schema_bytes() -> bytes:
    """Return the schema as it is published."""
    return _FILE.read_bytes()


def record_schema() -> dict[str, Any]:
    """Return the schema as a value of its own.

    Examples
    --------
    >>> record_schema()["$schema"]
    'https://json-schema.org/draft/2020-12/schema'
    """
    found: dict[str, Any] = json.loads(record_schema_bytes())
    return found
