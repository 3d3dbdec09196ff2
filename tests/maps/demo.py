"""What the demo holds, by the name of each case."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

DEMO = Path(__file__).parents[2] / "layers/demo"
MANIFEST = tomllib.loads((DEMO / "demo.toml").read_text(encoding="utf-8"))
CASE = MANIFEST["cases"]
AS_OF: date = MANIFEST["as_of"]
