"""Fetch the browser files that the pages need into ``geo_service/maps/static`` and write down what they are.

Run by hand when a version changes: ``python tools/vendor.py``. Packages come through the npm client as it is
configured, which checks their integrity; only the files named here are kept. ``vendor.json`` lists name, version,
the package's sha512 and the sha256 of every kept file, and the tests hold the tree against it.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

STATIC = Path(__file__).resolve().parent.parent / "geo_service" / "maps" / "static"
SOURCE_MAP = re.compile(rb"^\s*(//[#@] sourceMappingURL=.*|/\*[#@] sourceMappingURL=.*?\*/)\s*$", re.MULTILINE)
CSS_URL = re.compile(rb"url\(\s*['\"]?(?!data:|#)([^'\")]+)['\"]?\s*\)")


@dataclass(frozen=True)
class Package:
    """One npm package: which of its files go where under ``folder``."""

    name: str
    version: str
    licence: str
    folder: str
    files: dict[str, str]


PACKAGES = (
    Package(
        "leaflet",
        "1.9.4",
        "BSD-2-Clause",
        "leaflet",
        {"dist/leaflet.js": "leaflet.js", "dist/leaflet.css": "leaflet.css", "LICENSE": "LICENSE"},
    ),
    Package(
        "leaflet.control.layers.tree",
        "1.1.0",
        "BSD-3-Clause",
        "leaflet-layers-tree",
        {
            "L.Control.Layers.Tree.js": "L.Control.Layers.Tree.js",
            "L.Control.Layers.Tree.css": "L.Control.Layers.Tree.css",
            "LICENSE": "LICENSE",
        },
    ),
    Package(
        "maplibre-gl",
        "6.17.0",
        "BSD-3-Clause",
        "maplibre-gl",
        {
            "dist/maplibre-gl.mjs": "maplibre-gl.mjs",
            "dist/maplibre-gl-worker.mjs": "maplibre-gl-worker.mjs",
            "dist/maplibre-gl.css": "maplibre-gl.css",
            "LICENSE.txt": "LICENSE",
        },
    ),
    Package(
        "swagger-ui-dist",
        "5.35.0",
        "Apache-2.0",
        "swagger-ui",
        {
            "swagger-ui-bundle.js": "swagger-ui-bundle.js",
            "swagger-ui.css": "swagger-ui.css",
            "favicon-32x32.png": "favicon-32x32.png",
            "LICENSE": "LICENSE",
            "NOTICE": "NOTICE",
            "swagger-ui-bundle.js.LICENSE.txt": "swagger-ui-bundle.js.LICENSE.txt",
        },
    ),
)


def fetched(package: Package, where: Path) -> tuple[Path, str]:
    """Pack one package into a folder; return the tarball and its sha512 as npm writes it."""
    spec = f"{package.name}@{package.version}"
    answer = subprocess.run(
        ["npm", "pack", spec, "--json", "--silent", "--pack-destination", str(where)],
        check=True,
        capture_output=True,
        text=True,
    )
    [packed] = json.loads(answer.stdout)
    return where / packed["filename"], packed["integrity"]


def kept(package: Package, tarball: Path) -> dict[str, bytes]:
    """Read the wanted files and everything their style sheets point at."""
    with tarfile.open(tarball) as archive:
        members = {PurePosixPath(m.name).relative_to("package").as_posix(): m for m in archive if m.isfile()}

        def read(name: str) -> bytes:
            stream = archive.extractfile(members[name])
            if stream is None:
                raise FileNotFoundError(f"{package.name}: {name}")
            return stream.read()

        found: dict[str, bytes] = {}
        for source, target in package.files.items():
            data = read(source)
            if target.endswith((".js", ".mjs", ".css")):
                data = SOURCE_MAP.sub(b"", data).rstrip() + b"\n"
            found[target] = data
            if target.endswith(".css"):
                for url in CSS_URL.findall(data):
                    linked = PurePosixPath(source).parent / url.decode()
                    found[(PurePosixPath(target).parent / url.decode()).as_posix()] = read(linked.as_posix())
    return found


def vendor(static: Path = STATIC) -> None:
    """Replace the vendored folders and rewrite ``vendor.json``."""
    entries = []
    for package in PACKAGES:
        with tempfile.TemporaryDirectory() as folder:
            tarball, integrity = fetched(package, Path(folder))
            files = kept(package, tarball)
        target = static / package.folder
        shutil.rmtree(target, ignore_errors=True)
        for name, data in files.items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        entries.append(
            {
                "name": package.name,
                "version": package.version,
                "licence": package.licence,
                "integrity": integrity,
                "files": {
                    f"{package.folder}/{name}": hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())
                },
            }
        )
    text = json.dumps({"packages": entries}, ensure_ascii=False, indent=2)
    (static / "vendor.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    vendor()
