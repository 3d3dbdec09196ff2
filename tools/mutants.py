"""Break the code by hand in the ways that would cost money, and see that a test notices every one.

``python tools/mutants.py [NAME …]`` copies the checkout to a temporary folder, breaks one thing at a time there and
runs the tests that should notice it. Exit 1 when a mutant survives, or when the code has changed so that one no longer
fits.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = ("geo_service", "layers", "assessments", "tests", "pyproject.toml")

DATES = ("tests/cases", "tests/engine/test_time_and_order.py", "geo_service/model/validity.py")
RECORDS = ("tests/engine", "tests/cases", "tests/overlay/test_laws.py")
AREAS = ("tests/cells/test_exact.py", "tests/cells/test_grid.py", "tests/cells/test_laws.py")
READING = ("tests/cells/test_rings.py", "tests/cells/test_broken.py")
NOISE = ("tests/overlay", "tests/engine/test_noise.py", "tests/engine/test_half_settled.py")


@dataclass(frozen=True)
class Mutant:
    """One thing broken: in a file, a text that stands there once becomes another."""

    name: str
    kind: str
    file: str
    old: str
    new: str
    tests: Sequence[str]


MUTANTS = (
    Mutant(
        "report ends a day early",
        "< to <= on expiry",
        "geo_service/assessments.py",
        "self.valid_to is not None and self.valid_to < as_of:",
        "self.valid_to is not None and self.valid_to <= as_of:",
        DATES,
    ),
    Mutant(
        "last day not included",
        "< to <= on expiry",
        "geo_service/model/validity.py",
        "valid_to is None or as_of <= valid_to",
        "valid_to is None or as_of < valid_to",
        DATES,
    ),
    Mutant(
        "first day not included",
        "< to <= on expiry",
        "geo_service/model/validity.py",
        "valid_from is None or valid_from <= as_of",
        "valid_from is None or valid_from < as_of",
        DATES,
    ),
    Mutant(
        "anniversary counted in",
        "< to <= on expiry",
        "geo_service/model/validity.py",
        "return add_months(approved_on, 12 * years) - DAY",
        "return add_months(approved_on, 12 * years)",
        DATES,
    ),
    Mutant(
        "layer stale a day late",
        "< to <= on expiry",
        "geo_service/engine/ground.py",
        "stale is not None and stale <= as_of",
        "stale is not None and stale < as_of",
        ("tests/engine", "tests/cases"),
    ),
    Mutant(
        "claim ends a day early",
        "< to <= on expiry",
        "geo_service/readiness.py",
        "return last is None or as_of <= last",
        "return last is None or as_of < last",
        DATES,
    ),
    Mutant(
        "supply window a day short",
        "< to <= on expiry",
        "geo_service/assessments.py",
        "self.valid_to >= as_of + timedelta(days=window_days)",
        "self.valid_to > as_of + timedelta(days=window_days)",
        DATES,
    ),
    Mutant(
        "records add overlapping features up",
        "union to sum of areas",
        "geo_service/overlay/coverage.py",
        "        return shapely.union_all(polygons)\n",
        "        return shapely.MultiPolygon(polygons)\n",
        RECORDS,
    ),
    Mutant(
        "cells add overlapping features of a class up",
        "union to sum of areas",
        "geo_service/cells/filling.py",
        "if shared > 0.0 or len(union) < need:",
        "if shared < 0.0:",
        AREAS,
    ),
    Mutant(
        "cells add overlapping classes up",
        "union to sum of areas",
        "geo_service/cells/kernel.py",
        "if whole < 0.0:",
        "if whole < 1e300:",
        AREAS,
    ),
    Mutant(
        "known ground is the layer's only",
        "union to sum of areas",
        "geo_service/cells/kernel.py",
        "known if known >= 0.0 else whole",
        "whole",
        AREAS,
    ),
    Mutant(
        "only features around the whole parcel are met",
        "intersects to covers",
        "geo_service/engine/site.py",
        "features.tree.query(box)",
        'features.tree.query(box, predicate="covered_by")',
        RECORDS,
    ),
    Mutant(
        "only features within the parcel are met",
        "intersects to covers",
        "geo_service/engine/site.py",
        "features.tree.query(box)",
        'features.tree.query(box, predicate="covers")',
        RECORDS,
    ),
    Mutant(
        "only cells within a feature are met",
        "intersects to covers",
        "geo_service/cells/kernel.py",
        "                        if code >= 0:\n",
        "                        if edge_from[entry] >= 0:\n                            continue\n"
        "                        if code >= 0:\n",
        AREAS,
    ),
    Mutant(
        "cells leave the last layer out",
        "a dropped layer",
        "geo_service/cells/kernel.py",
        "                for layer in range(len(table)):\n                    entry_from, entry_to = ",
        "                for layer in range(len(table) - 1):\n                    entry_from, entry_to = ",
        AREAS,
    ),
    Mutant(
        "records leave the last constraint out",
        "a dropped layer",
        "geo_service/engine/judging.py",
        "for code in self._rulebook.order.constraints:",
        "for code in self._rulebook.order.constraints[:-1]:",
        RECORDS,
    ),
    Mutant(
        "records leave the first feature out",
        "a dropped layer",
        "geo_service/overlay/coverage.py",
        "for index, own in enumerate(classes) if own == cls]",
        "for index, own in enumerate(classes) if own == cls and index]",
        RECORDS,
    ),
    Mutant(
        "WKB read north first",
        "a swapped axis",
        "geo_service/rings/loops.py",
        "xy[vertices + vertex, 0] = numbers[vertex * dimensions]",
        "xy[vertices + vertex, 0] = numbers[vertex * dimensions + 1]",
        READING,
    ),
    Mutant(
        "native arrays read north first",
        "a swapped axis",
        "geo_service/rings/__init__.py",
        'np.asarray(inner.field("x")), np.asarray(inner.field("y"))',
        'np.asarray(inner.field("y")), np.asarray(inner.field("x"))',
        ("tests/cells/test_rings.py",),
    ),
    Mutant(
        "projections give north first",
        "a swapped axis",
        "geo_service/projection.py",
        "crs_of(source), crs_of(target), always_xy=True",
        "crs_of(source), crs_of(target), always_xy=False",
        ("tests/test_projection.py",),
    ),
    Mutant(
        "pieces of a square centimetre are residue",
        "tolerance ×100",
        "geo_service/overlay/noise.py",
        "RESIDUE_M2 = 1e-6",
        "RESIDUE_M2 = 1e-4",
        NOISE,
    ),
    Mutant(
        "land ten metres wide is thin",
        "tolerance ×100",
        "geo_service/engine/site.py",
        "features.spec.width_m, tolerances.soft_noise_m,",
        "100 * features.spec.width_m, tolerances.soft_noise_m,",
        RECORDS,
    ),
    Mutant(
        "five metres along the boundary are noise",
        "tolerance ×100",
        "geo_service/engine/site.py",
        "features.spec.width_m, tolerances.soft_noise_m,",
        "features.spec.width_m, 100 * tolerances.soft_noise_m,",
        RECORDS,
    ),
    Mutant(
        "a hundred square metres of farmland are noise",
        "tolerance ×100",
        "geo_service/engine/site.py",
        "tolerances.hard_noise_m2, hard",
        "100 * tolerances.hard_noise_m2, hard",
        RECORDS,
    ),
    Mutant(
        "cells drop a square centimetre",
        "tolerance ×100",
        "geo_service/cells/fields.py",
        "RESIDUE_M2 = 1e-6",
        "RESIDUE_M2 = 1e-4",
        AREAS,
    ),
    Mutant(
        "boundaries may cross by a tenth of a micrometre",
        "tolerance ×100",
        "geo_service/rings/faults.py",
        "SLACK_M = 1e-9",
        "SLACK_M = 1e-7",
        READING,
    ),
    Mutant(
        "features may cover a square centimetre twice",
        "tolerance ×100",
        "geo_service/cells/union.py",
        "SLACK_M2 = 1e-6",
        "SLACK_M2 = 1e-4",
        READING,
    ),
    Mutant(
        "layers stay in the CRS they came in",
        "a missing reprojection",
        "geo_service/engine/ground.py",
        "known[crs] = project_features(features, crs)",
        "known[crs] = features",
        (*RECORDS, "tests/test_projection.py"),
    ),
    Mutant(
        "parcels stay in the CRS they came in",
        "a missing reprojection",
        "geo_service/engine/examining.py",
        "geometry = project(parcel.geometry, parcel.crs, crs)",
        "geometry = parcel.geometry",
        (*RECORDS, "tests/test_projection.py"),
    ),
    Mutant(
        "edges are not divided before they are projected",
        "a missing reprojection",
        "geo_service/projection.py",
        "return shapely.transform(geometry, convert)",
        "return geometry",
        ("tests/test_projection.py",),
    ),
)


def copied(folder: Path) -> Path:
    """Copy what the tests need; compiled loops with their times, so that they are compiled again only where broken."""
    for name in COPIED:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns(".*", "images"))
        else:
            shutil.copy2(source, target)
    return folder


def notices(folder: Path, tests: Sequence[str]) -> bool:
    """Run the tests of one mutant; true when one of them fails."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
        cwd=folder,
        env={**os.environ, "CI": "", "HYPOTHESIS_PROFILE": "mutants", "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        # Neither passed nor failed: the tests did not run, which says nothing of the mutant.
        print(done.stdout[-3_000:], done.stderr[-3_000:], file=sys.stderr)
        raise SystemExit(2)
    return done.returncode == 1


def main(names: Sequence[str]) -> int:
    """Try the named mutants, or all."""
    known = {mutant.name for mutant in MUTANTS}
    if unknown := set(names) - known:
        print("\n".join([f"no such mutant: {name}" for name in sorted(unknown)] + sorted(known)), file=sys.stderr)
        return 2
    left = 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as temporary:
        folder = copied(Path(temporary))
        for mutant in MUTANTS:
            if names and mutant.name not in names:
                continue
            path = folder / mutant.file
            whole = path.read_text(encoding="utf-8") if path.is_file() else ""
            begun = time.monotonic()
            if whole.count(mutant.old) != 1:
                outcome = "DOES NOT FIT"
            else:
                times = path.stat()
                path.write_text(whole.replace(mutant.old, mutant.new), encoding="utf-8")
                outcome = "killed" if notices(folder, mutant.tests) else "SURVIVED"
                path.write_text(whole, encoding="utf-8")
                os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
            left += outcome != "killed"
            print(f"{outcome:12} {mutant.kind:22} {mutant.name} ({time.monotonic() - begun:.0f} s)", flush=True)
    print(f"{left} left" if left else "all killed")
    return int(left > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
