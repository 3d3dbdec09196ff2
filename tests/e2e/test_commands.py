"""The commands: exit codes, what goes to stdout and what to stderr, and that nothing is stored that should not be."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest

from geo_service.export.record import record_bytes
from geo_service.service import Service
from geo_service.store.workspace import Workspace
from tests.e2e.commands import ROOT, Ran, run_each
from tests.e2e.test_bad_input import X, Y, collection, square, state

BOUNDARY = ROOT / "layers/demo/boundary.txt"
DEGREES = square(113.05, 36.24, 0.001)
DATED = ["--edition-date", "2026-11-20"]
Cases = dict[str, str]


@pytest.fixture(scope="module")
def wrong(zones_only: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    """Every way to ask wrongly."""
    on = ["--workspace", zones_only]
    commands = {
        "no such command": ["frobnicate"],
        "no argument": ["check"],
        "no such option": ["assess", "--wat", *on],
        "no such engine": ["assess", "--engine", "steam", *on],
        "bad date": ["assess", "--as-of", "2026-13-01", *on],
        "no date": ["check", BOUNDARY, "--as-of", "tomorrow"],
        "date before all rules": ["check", BOUNDARY, "--as-of", "1990-01-01"],
        "no such parcel": ["assess", "--parcel", "NOWHERE", *on],
        "no such parcel to export": ["export", "NOWHERE", "--out", "x.zip", *on],
        "no such layer": ["import", "unicorns", BOUNDARY, *on],
        "data of a day to come": ["import", "parcels", BOUNDARY, "--edition-date", "2090-01-01", *on],
        "no such zone": ["check", BOUNDARY, "--zone", "NOWHERE", *on],
        "no such zone to assess": ["assess", "--zone", "NOWHERE", *on],
        "no workspace": ["assess", "--workspace", "nowhere"],
        "no workspace to check in": ["check", BOUNDARY, "--workspace", "nowhere"],
        "no default workspace": ["layers"],
        "zone without workspace": ["check", BOUNDARY, "--zone", "CZGX"],
        "no file": ["check", "absent.txt"],
        "a folder": ["check", "."],
        "no package": ["verify", BOUNDARY],
        "no such package": ["verify", "absent.zip"],
        "unknown output": ["assess", "--out", "x.docx", *on],
        "no folder for the records": ["assess", "--out", "absent/x.jsonl", *on],
        "no folder for the table": ["assess", "--out", "absent/x.parquet", *on],
        "no folder for the map": ["map", "--out", "absent/x.html", *on],
        "no folder for the template": ["register", "template", "absent/x.xlsx", *on],
        "no spreadsheet": ["register", "import", BOUNDARY, *on],
        "nobody has a key": ["serve", "--port", "0", *on],
        "CRS that is none": ["check", BOUNDARY, "--crs", "EPSG:1"],
        "workspace in a full folder": ["init", "full"],
        "workspace with another date": ["init", zones_only, "--as-of", "2026-12-02"],
    }
    folder = tmp_path_factory.mktemp("wrong")
    (folder / "full").mkdir()
    (folder / "full" / "letter.txt").write_text("x")
    found = dict(zip(commands, run_each(*commands.values(), cwd=folder), strict=True))
    assert [file.relative_to(folder).as_posix() for file in sorted(folder.rglob("*"))] == ["full", "full/letter.txt"]
    return found


def test_wrong_use_is_2_and_says_why_on_stderr(wrong: dict[str, Ran]) -> None:
    for what, ran in wrong.items():
        assert (ran.code, ran.out) == (2, b""), (what, ran)
        # A date before all rules is wrong for each of the two parcels.
        assert len(ran.errors) == 1 or (what, len(ran.errors)) == ("date before all rules", 2), (what, ran.err)
        assert "Traceback" not in ran.err, what
        assert re.search(r"[\u4e00-\u9fff].* / .*[a-z]", ran.errors[0]), (what, ran.errors)


def test_what_there_is_instead_is_listed(wrong: dict[str, Ran]) -> None:
    assert "mining_rights" in wrong["no such layer"].err
    assert "CZGX" in wrong["no such zone"].err
    assert "CZGX" in wrong["no such zone to assess"].err
    assert "geo-service init" in wrong["no workspace"].err
    assert "[data_date_ahead]" in wrong["data of a day to come"].err


def test_assess_writes_bytes_to_stdout_and_words_to_stderr(
    demo: Path, service: Service, cases: Cases, tmp_path: Path
) -> None:
    ids = [cases["A"], cases["N"], cases["S"]]
    elsewhere = cases["no_standard"]
    on = ["--workspace", demo, *(part for id_ in ids for part in ("--parcel", id_))]
    commands = [[], ["--out", "v.jsonl"], ["--out", "v.geojson"], ["--out", "v.parquet"], ["--as-of", "2027-02-01"]]
    commands.append(["--parcel", elsewhere, "--zone", "SLYQ"])
    ran = run_each(*(["assess", *on, *more] for more in commands), cwd=tmp_path)
    plain, lines, geo, table, later, zone = ran
    assert [one.code for one in ran] == [0] * 6
    expected = [record_bytes(service.record(id_)) for id_ in ids]
    assert plain.out == b"".join(line + b"\n" for line in expected)
    assert "附条件具备" in plain.err
    assert lines.out == geo.out == table.out == b""
    assert (tmp_path / "v.jsonl").read_bytes() == plain.out
    found = json.loads((tmp_path / "v.geojson").read_bytes())["features"]
    assert [feature["id"] for feature in found] == ids
    digests = [json.loads(line)["provenance"]["digest"] for line in expected]
    assert [feature["properties"]["digest"] for feature in found] == digests
    rows = pq.read_table(tmp_path / "v.parquet").to_pylist()
    assert [(row["parcel_id"], row["verdict"]) for row in rows] == [
        (feature["properties"]["parcel_id"], feature["properties"]["verdict"]) for feature in found
    ]
    assert {json.loads(line)["as_of"] for line in later.out.splitlines()} == {"2027-02-01"}
    assert zone.json["parcel"]["id"] == elsewhere


class Tried:
    """A workspace with zones, and what happened in it."""

    def __init__(self, folder: Path, zones_only: Path) -> None:
        self.folder = folder
        ring = square(X, Y, 100)
        nameless = json.loads(collection(ring, square(X + 300, Y, 100)))
        for feature in nameless["features"]:
            feature["properties"] = {}
        some = [ring, DEGREES, square(X + 300, Y, 100), square(X, 36.24, 10)]
        files = {
            "one": collection(ring),
            "none": collection(DEGREES),
            "some": collection(*some, ids=("一", "二", "三", "四")),
            "nameless": json.dumps(nameless),
            "far": collection(square(X, Y - 200_000, 100)),
        }
        for name, content in files.items():
            (folder / f"{name}.geojson").write_text(content)
        self.workspaces = {name: shutil.copytree(zones_only, folder / name) for name in ("kept", "ws", "meant")}
        kept, ws, meant = (["--workspace", path] for path in self.workspaces.values())
        self.before = state(self.workspaces["kept"])
        commands: dict[str, list[str | Path]] = {
            "dry run": ["import", "parcels", "one.geojson", "--dry-run", *DATED, *kept],
            "all or nothing": ["import", "parcels", "some.geojson", *DATED, *kept],
            "far": ["import", "parcels", "far.geojson", *DATED, *kept],
            **{f"check {name}": ["check", f"{name}.geojson", "--json", *kept] for name in files},
            "check in words": ["check", "some.geojson", *kept],
            "quarantine": ["import", "parcels", "some.geojson", "--quarantine", *DATED, *ws],
            "layers": ["layers", *ws],
            "map": ["map", "--out", "map.html", *ws],
            "template": ["register", "template", "empty.xlsx", *ws],
            "anywhere": ["import", "parcels", "far.geojson", "--anywhere", *DATED, *meant],
            "init again": ["init", zones_only, "--as-of", "2026-12-01"],
            "nothing there": ["check", BOUNDARY, "--json", "--project-type", "涂料（易燃）", "--as-of", "2026-12-01"],
        }
        self.ran = dict(zip(commands, run_each(*commands.values(), cwd=folder), strict=True))

    def json(self, name: str) -> Any:
        return self.ran[name].json


@pytest.fixture(scope="module")
def tried(zones_only: Path, tmp_path_factory: pytest.TempPathFactory) -> Tried:
    return Tried(tmp_path_factory.mktemp("tried"), zones_only)


# check


def test_where_nothing_is_known_nothing_passes(tried: Tried) -> None:
    assert tried.ran["nothing there"].code == 1
    for body in tried.json("nothing there")["records"]:
        assert body["verdict"]["status"] == "undetermined"
        assert body["parcel"]["zone"] is None and body["parcel"]["zone_version"] is None
        assert body["parcel"]["project_type"] == "涂料（易燃）"
        assert len(body["assessments"]) == 10
        assert all(entry["required"] for entry in body["assessments"])
        assert {(entry["outcome"], entry["reason"]) for entry in body["assessments"]} == {("no_data", "layer_missing")}
        assert {entry["reason"] for entry in body["constraints"] if entry["code"] != "GEOM"} == {"layer_missing"}
        assert body["provenance"]["layers"] == []


def test_rejected_rows_stand_beside_the_records(tried: Tried) -> None:
    assert tried.ran["check some"].code == 1
    found = tried.json("check some")
    assert [body["parcel"]["id"] for body in found["records"]] == ["一", "三"]
    assert [(entry["row"], entry["id"]) for entry in found["rejected"]] == [(2, "二"), (4, "四")]
    assert found["rejected"][0]["code"] == "degrees_as_metres"
    assert all(entry["reason"]["zh"] and entry["reason"]["en"] for entry in found["rejected"])


def test_words_of_a_check_name_each_wrong_row_once(tried: Tried) -> None:
    ran = tried.ran["check in words"]
    assert ran.code == 1
    assert [re.findall(r"row (\d+)", line) for line in ran.err.splitlines() if "row" in line] == [["2"], ["4"]]
    assert "一" in ran.text and "三" in ran.text and "二" not in ran.text


def test_one_feature_and_none_have_the_same_form(tried: Tried) -> None:
    one, none = tried.json("check one"), tried.json("check none")
    assert set(one) == set(none) >= {"records", "rejected"}
    assert (len(one["records"]), one["rejected"]) == (1, [])
    assert (none["records"], len(none["rejected"])) == ([], 1)
    assert (tried.ran["check one"].code, tried.ran["check none"].code) == (1, 2)


def test_ids_are_the_files_or_the_row(tried: Tried) -> None:
    assert [body["parcel"]["id"] for body in tried.json("check nameless")["records"]] == ["check-1", "check-2"]


# import


def test_what_is_refused_or_only_tried_changes_nothing(tried: Tried) -> None:
    dry, refused, far = (tried.ran[name] for name in ("dry run", "all or nothing", "far"))
    assert [dry.code, refused.code, far.code] == [0, 2, 2]
    assert "读取 read 1 = 入库 stored 1" in dry.text
    assert "数据版次 edition" not in dry.text
    assert "未入库" in dry.err
    assert refused.out == far.out == b""
    assert [row for line in refused.errors for row in re.findall(r"row (\d+)", line)] == ["2", "4"]
    assert "--anywhere" in far.err
    assert state(tried.workspaces["kept"]) == tried.before


def test_wrong_rows_can_be_set_aside(tried: Tried) -> None:
    kept = tried.ran["quarantine"]
    assert kept.code == 0
    assert "读取 read 4 = 入库 stored 2 + 拒绝 rejected 2" in kept.text
    assert kept.text.count("拒绝 rejected: ") == 2
    assert set(Workspace.open(tried.workspaces["ws"]).layer_set().features("parcels").ids) == {"一", "三"}


def test_data_far_from_every_zone_are_remarked_or_meant(tried: Tried) -> None:
    assert tried.ran["anywhere"].code == 0
    assert tried.ran["check far"].code == 1
    assert "50" in tried.ran["check far"].err


def test_layers_lists_all_with_what_is_published(tried: Tried) -> None:
    rows = {line.split("\t")[0]: line.split("\t") for line in tried.ran["layers"].text.splitlines()}
    workspace = Workspace.open(tried.workspaces["ws"])
    assert list(rows) == list(workspace.catalogue.layers)
    assert {layer: row[2] for layer, row in rows.items() if "@" in row[2]} == workspace.register.published()
    assert rows["parcels"][3:] == ["2026-11-20", "2"]
    assert "未导入" in rows["heat_mains"][2]


def test_init_again_says_the_same(tried: Tried) -> None:
    assert tried.ran["init again"].code == 0


def test_the_map_is_one_file(tried: Tried) -> None:
    ran = tried.ran["map"]
    assert (ran.code, ran.out) == (0, b"")
    page = (tried.folder / "map.html").read_text(encoding="utf-8")
    assert not re.search(r"""<(?:script|link|img|iframe)[^>]*\s(?:src|href)\s*=\s*["'](?!data:)""", page)
    assert '"一"' in page and '"三"' in page


# register


def test_a_filled_template_mends_what_was_missing(tried: Tried, cases: Cases) -> None:
    """A claim of the demo's register, copied by a planner into the empty template for a parcel that has none."""
    assert (tried.ran["template"].code, tried.ran["template"].out) == (0, b"")
    book = openpyxl.load_workbook(tried.folder / "empty.xlsx")
    filled = openpyxl.load_workbook(ROOT / "layers/demo/register.xlsx")
    assert book.sheetnames == filled.sheetnames
    title, donor = next(
        (source.title, [cell.value for cell in row])
        for source in filled.worksheets
        for row in source.iter_rows(min_row=2)
        if cases["A"] in (values := [cell.value for cell in row]) and any("水证〔" in str(value) for value in values)
    )
    assert [cell.value for cell in book[title][1]] == [cell.value for cell in filled[title][1]]
    target = book[title].max_row + 1
    # Post has no network to contradict the paper.
    ours = {cases["A"]: "一", "通水（给水）": "邮政"}
    for column, value in enumerate(donor, start=1):
        book[title].cell(target, column, ours.get(value, value))
        book[title].cell(target + 1, column, {**ours, cases["A"]: "未导入的地块"}.get(value, value))
    book.save(tried.folder / "filled.xlsx")
    on = ["--workspace", tried.workspaces["ws"]]
    before, imported, after = run_each(
        ["assess", "--parcel", "一", *on],
        ["register", "import", "filled.xlsx", *on],
        ["assess", "--parcel", "一", *on],
        cwd=tried.folder,
    )
    assert imported.code == 0, imported.err
    assert "证明材料 claims 2" in imported.text and "新增 added 2" in imported.text
    assert "1 个地块编号不在地块图层中" in imported.err and "未导入的地块" in imported.err
    post = [next(s for s in ran.json["readiness"]["services"] if s["code"] == "POST") for ran in (before, after)]
    assert [(entry["outcome"], entry["basis"]) for entry in post] == [("unknown", []), ("met", ["claim"])]
    assert [len(entry["claims"]) for entry in post] == [0, 1]
