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
ZIP_START = b"PK\x03\x04"
MANIFEST, EVIDENCE = "manifest.json", "evidence.json"
REFUSED = (Status.NOT_READY, Status.UNDETERMINED)
_CHANGED = "内容被改动 / changed: "
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
    files[MANIFEST] = geojson.compact(_manifest([item.body for item in items], profile, files))
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
        files[EVIDENCE] = geojson.compact(_evidence(verdict))
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


def _manifest(bodies: Sequence[Record], profile: Profile, files: Mapping[str, bytes]) -> dict[str, Any]:
    first = bodies[0]["provenance"]
    layers = {layer["id"]: layer for body in bodies for layer in body["provenance"]["layers"]}
    forced = [body["parcel"]["id"] for body in bodies if body["verdict"]["status"] in REFUSED]
    return {
        "format": "geo-service tender package 1",
        "title": {"zh": "出让前核查成果包", "en": "tender package"},
        "profile": profile.value,
        "parcels": [
            {
                "id": body["parcel"]["id"],
                "as_of": body["as_of"],
                "verdict": body["verdict"]["status"],
                "digest": body["provenance"]["digest"],
            }
            for body in bodies
        ],
        "as_of": min(body["as_of"] for body in bodies),
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
        When it is no package at all. A package that is damaged is one whose check fails.
    """
    try:
        archive = zipfile.ZipFile(BytesIO(data))
    except zipfile.BadZipFile as error:
        if data.startswith(ZIP_START):
            return Verified({}, ("压缩包已损坏 / the zip is damaged",))
        raise InputError(_no_package("不是成果包", "no tender package")) from error
    with archive:
        names = archive.namelist()
        if MANIFEST not in names or sum(info.file_size for info in archive.infolist()) > 2**31:
            raise InputError(_no_package("没有 manifest.json", "no manifest.json"))
        content = {name: _member(archive, name) for name in names}
    try:
        manifest = json.loads(content[MANIFEST] or b"")
        listed = {entry["name"]: entry["sha256"] for entry in manifest["files"]}
        order = [entry["id"] for entry in manifest["parcels"]]
    except (ValueError, KeyError, TypeError):
        return Verified({}, (_CHANGED + MANIFEST,))
    faults = [f"多出文件 / added: {name}" for name in sorted(set(content) - set(listed) - {MANIFEST})]
    faults += [f"重复文件 / twice: {name}" for name in sorted({name for name in names if names.count(name) > 1})]
    intact: dict[str, bytes] = {}
    bodies: dict[str, Record] = {}
    for name, sha256 in listed.items():
        found = content.get(name)
        if name not in content:
            faults.append(f"缺少文件 / missing: {name}")
        elif found is None or hashlib.sha256(found).hexdigest() != sha256:
            faults.append(_CHANGED + name)
        else:
            intact[name] = found
            if name.endswith("assessment.json"):
                body = json.loads(found)
                bodies[body["parcel"]["id"]] = body
                if digest_of(body) != body["provenance"]["digest"]:
                    faults.append(f"校验码不符 / digest differs: {name}")
    # The manifest carries no hash of itself; but all it says follows from the records and the files.
    profile = Profile.INTERNAL if any(name.endswith(EVIDENCE) for name in intact) else Profile.PUBLIC
    if not faults and (
        set(order) != set(bodies) or manifest != _manifest([bodies[id_] for id_ in order], profile, intact)
    ):
        faults.append(_CHANGED + MANIFEST)
    return Verified(manifest, tuple(faults))


def _member(archive: zipfile.ZipFile, name: str) -> bytes | None:
    """Read a member, ``None`` when it is damaged."""
    try:
        return archive.read(name)
    except (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, RuntimeError, EOFError):
        return None


def _no_package(zh: str, en: str) -> Fault:
    return Fault(
        "not_a_package",
        zh,
        en,
        next_zh="请使用本系统生成的成果包 zip",
        next_en="use a package made by this system",
    )
