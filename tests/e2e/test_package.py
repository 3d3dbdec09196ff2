"""Story 11: the tender package from the command line."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from geo_service.export.record import record_bytes
from geo_service.service import Service
from tests.e2e.commands import ROOT, Ran, run, run_each

Cases = dict[str, str]
FORCED = "未达条件强制导出"


def members(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def repacked(file: Path, changed: dict[str, bytes | None]) -> bytes:
    """The package with some members replaced, or left out."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (members(file) | changed).items():
            if content is not None:
                archive.writestr(name, content)
    return out.getvalue()


@pytest.fixture(scope="module")
def made(demo: Path, cases: Cases, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Ran]]:
    """Packages of a conditional parcel (A) and of one that is not ready (N)."""
    folder = tmp_path_factory.mktemp("packages")
    a, n = cases["A"], cases["N"]
    commands = {
        "once": ["export", a, "--out", "once.zip"],
        "internal": ["export", a, "--out", "internal.zip", "--profile", "internal"],
        "refused": ["export", n, "--out", "refused.zip"],
        "forced": ["export", n, "--out", "forced.zip", "--force"],
        "both": ["export", a, n, "--out", "both.zip", "--force"],
        "assess": ["assess", "--parcel", a],
    }
    ran = run_each(*([*command, "--workspace", demo] for command in commands.values()), cwd=folder)
    return folder, dict(zip(commands, ran, strict=True))


@pytest.fixture(scope="module")
def folder(made: tuple[Path, dict[str, Ran]]) -> Path:
    return made[0]


@pytest.fixture(scope="module")
def ran(made: tuple[Path, dict[str, Ran]]) -> dict[str, Ran]:
    return made[1]


@pytest.mark.slow
def test_a_package_is_made_twice_the_same_by_two_processes(
    folder: Path, ran: dict[str, Ran], demo: Path, cases: Cases
) -> None:
    assert (ran["once"].code, ran["once"].out) == (0, b"")
    again = run("export", cases["A"], "--out", "again.zip", "--workspace", demo, cwd=folder)
    assert again.code == 0
    assert (folder / "again.zip").read_bytes() == (folder / "once.zip").read_bytes()
    assert sorted(members(folder / "once.zip")) == [
        "assessment.json",
        "boundary_points.txt",
        "indicators.json",
        "manifest.json",
        "map.html",
        "parcel.geojson",
        "parcel_cgcs2000.geojson",
    ]


def test_public_files_speak_of_the_parcel_alone(folder: Path) -> None:
    files = members(folder / "once.zip")
    for name in ("parcel.geojson", "parcel_cgcs2000.geojson"):
        assert len(json.loads(files[name])["features"]) == 1
    everything = "\n".join(
        content.decode("gb18030" if name.endswith(".txt") else "utf-8") for name, content in files.items()
    )
    for word in ("储量", "万吨", "矿业权人", 'holder"', '"features":["', '"claims":[{'):
        assert word not in everything, word


def test_the_parcel_carries_every_outcome_flat(folder: Path, service: Service) -> None:
    first = json.loads(members(folder / "once.zip")["parcel.geojson"])["features"][0]["properties"]
    own = "parcel_id name zone land_use as_of area_m2 area_mu verdict valid_until readiness_standard readiness_met"
    order = service.rulebook.order
    codes = (*order.core, *order.local, *order.services, order.level)
    flat = [f"{code}_{part}" for code in codes for part in ("outcome", "share", "valid_to")]
    assert list(first) == [*own.split(), "digest", *flat]
    assert first["LEVEL_outcome"] == "met"


def test_the_boundary_points_give_the_area_again(folder: Path, demo: Path) -> None:
    (folder / "boundary_points.txt").write_bytes(members(folder / "once.zip")["boundary_points.txt"])
    back = run("check", "boundary_points.txt", "--json", "--workspace", demo, cwd=folder)
    [body] = back.json["records"]
    assert round(body["parcel"]["area_m2"], 2) == 204_366.64
    assert body["parcel"]["id"] == "CZGX-2024-001"


def test_every_way_to_the_record_gives_the_same_bytes(
    folder: Path, ran: dict[str, Ran], service: Service, cases: Cases
) -> None:
    line = ran["assess"].out
    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    assert line[:-1] == record_bytes(service.record(cases["A"]))
    assert members(folder / "internal.zip")["assessment.json"] == line[:-1]
    assert {"evidence.json", "assessment.json"} <= set(members(folder / "internal.zip"))


def test_an_unready_parcel_is_refused_with_all_that_is_missing(
    folder: Path, ran: dict[str, Ran], service: Service, cases: Cases
) -> None:
    refused = ran["refused"]
    missing = [
        reason["message"]["zh"]
        for reason in service.record(cases["N"])["verdict"]["reasons"]
        if reason["effect"] in ("not_ready", "undetermined")
    ]
    assert (refused.code, refused.out) == (1, b"")
    assert not (folder / "refused.zip").exists()
    assert f"不能生成成果包（缺{len(missing)}项）" in refused.err
    assert missing and all(message in refused.err for message in missing)


def test_what_was_forced_says_so_everywhere(folder: Path, ran: dict[str, Ran], cases: Cases) -> None:
    assert ran["forced"].code == 0
    files = members(folder / "forced.zip")
    manifest = json.loads(files["manifest.json"])
    assert manifest["forced"] is True
    assert manifest["forced_parcels"] == [cases["N"]]
    for name in ("manifest.json", "parcel.geojson", "parcel_cgcs2000.geojson", "map.html"):
        assert FORCED in files[name].decode(), name
    ready = members(folder / "once.zip")
    assert json.loads(ready["manifest.json"])["forced"] is False
    assert all(FORCED not in ready[name].decode() for name in ("parcel.geojson", "parcel_cgcs2000.geojson"))


def test_several_parcels_have_a_folder_each(folder: Path, cases: Cases) -> None:
    files = members(folder / "both.zip")
    for case in ("A", "N"):
        assert files[f"{cases[case]}/assessment.json"]
        assert (FORCED in files[f"{cases[case]}/map.html"].decode()) is (case == "N")
    assert files[f"{cases['A']}/assessment.json"] == members(folder / "once.zip")["assessment.json"]


def test_verify_needs_no_workspace_and_notices_every_change(folder: Path) -> None:
    whole = (folder / "once.zip").read_bytes()
    files = members(folder / "once.zip")
    changed = {"whole": whole} | {name: (folder / f"{name}.zip").read_bytes() for name in ("forced", "both")}
    for name, content in files.items():
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        changed[f"flipped {name}"] = repacked(folder / "once.zip", {name: flipped})
    manifest = json.loads(files["manifest.json"])
    for key, value in (("forced", True), ("profile", "internal"), ("as_of", "2026-12-02"), ("editions", [])):
        said = json.dumps(manifest | {key: value}, ensure_ascii=False, separators=(",", ":"))
        changed[f"other {key}"] = repacked(folder / "once.zip", {"manifest.json": said.encode()})
    other = members(folder / "forced.zip")["assessment.json"]
    changed["another record"] = repacked(folder / "once.zip", {"assessment.json": other})
    changed["missing"] = repacked(folder / "once.zip", {"map.html": None})
    changed["added"] = repacked(folder / "once.zip", {"note.txt": b"x"})
    commands = []
    for name, content in changed.items():
        (folder / f"{name}.changed").write_bytes(content)
        commands.append(["verify", folder / f"{name}.changed"])
    found = dict(zip(changed, run_each(*commands, cwd=folder), strict=True))
    intact = {name: ran.code for name, ran in found.items() if name in ("whole", "forced", "both")}
    assert intact == {"whole": 0, "forced": 0, "both": 0}
    assert FORCED in found["forced"].text
    for name in found.keys() - intact.keys():
        assert found[name].code == 1, name
        assert "校验不通过" in found[name].text, name
        assert "Traceback" not in found[name].err, name
    assert "assessment.json" in found["flipped assessment.json"].text


def test_any_flipped_byte_of_the_file_is_noticed(folder: Path) -> None:
    """The zip's own damage, in the first and the middle byte of what each member holds."""
    whole = (folder / "once.zip").read_bytes()
    with zipfile.ZipFile(folder / "once.zip") as archive:
        starts = [(info.header_offset + 30 + len(info.filename), info.compress_size) for info in archive.infolist()]
    places = [place for start, size in starts for place in (start, start + size // 2)]
    commands = []
    for place in places:
        file = folder / f"bit-{place}.zip"
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        commands.append(["verify", file])
    for place, ran in zip(places, run_each(*commands, cwd=folder), strict=True):
        assert (ran.code, "校验不通过" in ran.text) == (1, True), (place, ran)
        assert "Traceback" not in ran.err


def test_verify_against_a_workspace_names_what_changed(
    folder: Path, own_demo: Path, cases: Cases, tmp_path: Path
) -> None:
    scopes = json.loads((ROOT / "layers/demo/assessment_scopes.geojson").read_bytes())
    renewed = next(feature["properties"] for feature in scopes["features"] if feature["properties"]["code"] == "EIA")
    renewed["report_no"] = "晋环函〔2026〕200号（示例）"
    (tmp_path / "renewed.geojson").write_text(json.dumps(scopes, ensure_ascii=False), encoding="utf-8")
    dated = ["--edition-date", "2026-11-20", "--workspace", own_demo]
    package = folder / "once.zip"
    before, imported, after = run_each(
        ["verify", package, "--workspace", own_demo],
        ["import", "assessment_scopes", "renewed.geojson", *dated],
        ["verify", package, "--workspace", own_demo],
        cwd=tmp_path,
    )
    assert (before.code, imported.code, after.code) == (0, 0, 0)
    assert "输入已变化" not in before.text
    changed = [line for line in after.text.splitlines() if "输入已变化" in line]
    assert len(changed) == 1
    assert "区域评估范围" in changed[0] and "assessment_scopes@" in changed[0]
