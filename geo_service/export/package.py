"""The tender package (出让前核查成果包): a zip with fixed order, times and modes, so that it is made twice the same."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from geo_service.errors import Fault, InputError, PackageRefused
from geo_service.export import geojson
from geo_service.export.boundary_txt import boundary_points
from geo_service.export.profile import Profile
from geo_service.export.record import Record, digest_of, record_bytes
from geo_service.model.enums import Status
from geo_service.model.finding import Verdict
from geo_service.model.rulebook import BoundaryTxt
from geo_service.model.units import grouped

FIXED_TIME = (1980, 1, 1, 0, 0, 0)
MANIFEST = "manifest.json"
REFUSED = (Status.NOT_READY, Status.UNDETERMINED)
FORCED_NOTE = {"zh": "未达条件强制导出", "en": "exported although not ready"}


@dataclass(frozen=True, eq=False, slots=True)
class Item:
    """One parcel of a package: its verdict, the record of the profile, and its single-file map."""

    verdict: Verdict
    body: Record
    map_html: str


def refuse_unready(verdicts: Sequence[Verdict], forced: bool) -> None:
    """Refuse parcels that are not ready or undetermined, unless forced.

    Raises
    ------
    PackageRefused
        With what is missing for each.
    """
    if forced:
        return
    refused = [
        (
            verdict.parcel.id,
            verdict.decision.status.value,
            tuple(
                f"{reason.message.zh} / {reason.message.en}"
                for reason in verdict.decision.reasons
                if reason.effect in ("not_ready", "undetermined")
            ),
        )
        for verdict in verdicts
        if verdict.decision.status in REFUSED
    ]
    if refused:
        raise PackageRefused(refused)


def is_forced(verdict: Verdict) -> bool:
    """Tell whether a package of this parcel exists by force only."""
    return verdict.decision.status in REFUSED


def file_stem(parcel_id: str) -> str:
    """Return the name used in files: the id where it is plain ASCII, else a digest of it.

    Examples
    --------
    >>> file_stem("CZGX-2024-001"), file_stem("地块一")[:7]
    ('CZGX-2024-001', 'parcel-')
    """
    plain = all(char.isascii() and (char.isalnum() or char in "-_.") for char in parcel_id)
    if plain and parcel_id.strip("."):
        return parcel_id
    return f"parcel-{hashlib.sha256(parcel_id.encode()).hexdigest()[:12]}"


def package_name(items: Sequence[Item]) -> str:
    """Return the file name of a package."""
    if len(items) == 1:
        return f"{file_stem(items[0].verdict.parcel.id)}_{items[0].verdict.as_of.isoformat()}.zip"
    return f"{len(items)}-parcels_{items[0].verdict.as_of.isoformat()}.zip"


def build(items: Sequence[Item], profile: Profile, txt: BoundaryTxt | None) -> bytes:
    """Build the package of one or more parcels.

    One parcel has its files at the root, several a folder each.
    """
    files: dict[str, bytes] = {}
    for item in items:
        folder = "" if len(items) == 1 else f"{file_stem(item.verdict.parcel.id)}/"
        for name, content in _parcel_files(item, profile, txt).items():
            files[folder + name] = content
    files[MANIFEST] = geojson.compact(_manifest(items, profile, files))
    return _zip(files)


def _parcel_files(item: Item, profile: Profile, txt: BoundaryTxt | None) -> dict[str, bytes]:
    verdict, body = item.verdict, item.body
    forced = is_forced(verdict)
    files = {
        "parcel.geojson": geojson.collection(verdict, body, profile, forced),
        "parcel_cgcs2000.geojson": geojson.collection(verdict, body, profile, forced, metres=True),
        "assessment.json": record_bytes(body),
        "indicators.json": geojson.compact(_indicators(body, forced)),
        "map.html": item.map_html.encode(),
    }
    if txt is not None:
        files["boundary_points.txt"] = boundary_points(verdict, txt)
    if profile is Profile.INTERNAL:
        files["evidence.json"] = geojson.compact(_evidence(verdict))
    return files


def _indicators(body: Record, forced: bool) -> dict[str, Any]:
    out: dict[str, Any] = {
        "parcel_id": body["parcel"]["id"],
        "as_of": body["as_of"],
        "indicators": body["indicators"],
    }
    return {**out, "forced": FORCED_NOTE} if forced else out


def _evidence(verdict: Verdict) -> list[dict[str, Any]]:
    """Every finding's pieces with area, in catalogue order: what each square metre of an outcome is."""
    return [
        {
            "code": piece.code,
            "role": piece.role,
            "class": piece.cls,
            "severity": piece.severity.value,
            "area_m2": piece.area_m2,
            "area_text": f"{grouped(piece.area_m2, 2)} m²",
            "crs": verdict.crs,
            "geometry": geojson.rounded_geometry(piece.geometry, geojson.METRE_DECIMALS),
        }
        for piece in geojson.pieces(verdict)
    ]


def _manifest(items: Sequence[Item], profile: Profile, files: Mapping[str, bytes]) -> dict[str, Any]:
    first = items[0].body["provenance"]
    layers = {layer["id"]: layer for item in items for layer in item.body["provenance"]["layers"]}
    forced = [item.verdict.parcel.id for item in items if is_forced(item.verdict)]
    return {
        "format": "geo-service tender package 1",
        "title": {"zh": "出让前核查成果包", "en": "tender package"},
        "profile": profile.value,
        "parcels": [
            {
                "id": item.verdict.parcel.id,
                "as_of": item.verdict.as_of.isoformat(),
                "verdict": item.verdict.decision.status.value,
                "digest": item.body["provenance"]["digest"],
            }
            for item in items
        ],
        "as_of": sorted({item.verdict.as_of.isoformat() for item in items})[0],
        "forced": bool(forced),
        "forced_parcels": forced,
        "forced_note": FORCED_NOTE if forced else None,
        "engine": first["engine"],
        "rulebook": first["rulebook"],
        "editions": [layers[name] for name in sorted(layers)],
        "files": [
            {"name": name, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            for name, content in sorted(files.items())
        ],
    }


def _zip(files: Mapping[str, bytes]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in sorted(files.items()):
            info = zipfile.ZipInfo(name, FIXED_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, content, compresslevel=6)
    return out.getvalue()


@dataclass(frozen=True, slots=True)
class Verified:
    """What a package says of itself, after its integrity was checked."""

    manifest: Mapping[str, Any]
    faults: tuple[str, ...]

    @property
    def intact(self) -> bool:
        """Tell whether every file is there, unchanged, and nothing else."""
        return not self.faults


def verify(data: bytes) -> Verified:
    """Check a package without network or workspace: every file listed, unchanged, none added; records' digests.

    Raises
    ------
    InputError
        When it is no package at all.
    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = archive.namelist()
            if MANIFEST not in names or sum(info.file_size for info in archive.infolist()) > 2**31:
                raise InputError(_no_package("没有 manifest.json", "no manifest.json"))
            content = {name: archive.read(name) for name in names}
        manifest = json.loads(content[MANIFEST])
        listed = {entry["name"]: entry["sha256"] for entry in manifest["files"]}
    except (
        zipfile.BadZipFile,
        zlib.error,
        ValueError,
        KeyError,
        TypeError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise InputError(_no_package("不是成果包或已损坏", "no tender package, or damaged")) from error
    faults = [f"多出文件 / added: {name}" for name in sorted(set(content) - set(listed) - {MANIFEST})]
    faults += [f"重复文件 / twice: {name}" for name in sorted({name for name in names if names.count(name) > 1})]
    digests = {entry["id"]: entry["digest"] for entry in manifest["parcels"]}
    for name, sha256 in listed.items():
        if name not in content:
            faults.append(f"缺少文件 / missing: {name}")
        elif hashlib.sha256(content[name]).hexdigest() != sha256:
            faults.append(f"内容被改动 / changed: {name}")
        elif name.endswith("assessment.json"):
            body = json.loads(content[name])
            own = body["provenance"]["digest"]
            if digest_of(body) != own or digests.get(body["parcel"]["id"]) != own:
                faults.append(f"校验码不符 / digest differs: {name}")
    return Verified(manifest, tuple(faults))


def _no_package(zh: str, en: str) -> Fault:
    return Fault(
        "not_a_package",
        zh,
        en,
        next_zh="请使用本系统生成的成果包 zip",
        next_en="use a package made by this system",
    )
