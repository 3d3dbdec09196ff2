"""The commands."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from threading import Thread
from typing import Annotated, cast
from zoneinfo import ZoneInfo

import typer

from geo_service import batch, checking, importing, ingest
from geo_service.api.collections import Shelf
from geo_service.api.tiles import Tiles
from geo_service.cli import WORKSPACE, WORKSPACE_OPTION, WORKSPACE_VARIABLE, say, serving
from geo_service.cli.demo import seed
from geo_service.errors import (
    Fault,
    GeoServiceError,
    InputError,
    NotFound,
    PackageRefused,
    RejectedRows,
)
from geo_service.export import package, stream
from geo_service.export.checked import checked
from geo_service.export.profile import Profile
from geo_service.model.access import Key, Role
from geo_service.model.parcel import AsOf
from geo_service.model.rulebook import Rulebook
from geo_service.service import Service
from geo_service.settings import FILE as SETTINGS_FILE
from geo_service.settings import Settings
from geo_service.settings import read as read_settings
from geo_service.store.definitions import bundled, load_catalogue, load_rulebook
from geo_service.store.keys import USUAL_DAYS
from geo_service.store.workspace import FILE, Workspace

DEFAULT_WORKSPACE = Path(WORKSPACE)
DEFAULT_PORT = 8000
#: Programs draw tiles of the usual zoom larger; each zoom more takes four times as many.
USUAL_ZOOM, FINEST_ZOOM = 14, 16
# Wrong use in general has no public name in typer, only its kind that a bad parameter is.
USAGE_ERRORS = cast("tuple[type[typer.BadParameter], ...]", typer.BadParameter.__bases__)

app = typer.Typer(
    name="geo-service",
    help="供地前核查：区域评估、管控要素、通平条件、控制性指标 / Pre-listing checks of industrial land.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
register_app = typer.Typer(
    help="台账：证明材料、地块信息、指标 / Register: claims, facts, indicators.", no_args_is_help=True
)
app.add_typer(register_app, name="register")
keys_app = typer.Typer(help="接口密钥 / API keys.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")

WorkspaceOption = Annotated[
    Path, typer.Option(WORKSPACE_OPTION, envvar=WORKSPACE_VARIABLE, help="工作区目录 / workspace folder")
]
AsOfOption = Annotated[
    str | None, typer.Option("--as-of", metavar="YYYY-MM-DD", help="核查基准日 / the date asked about")
]


class _Engine(StrEnum):
    LOCAL = "local"
    DASK = "dask"


def _day(text: str | None, option: str) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            Fault(
                "bad_date",
                f"{option} 不是日期",
                f"{option} is no date",
                next_zh="按 2026-12-01 的写法",
                next_en="write it like 2026-12-01",
                value=text,
            )
        ) from error


def _service(workspace: Path) -> Service:
    say.first_run()
    return serving.opened(workspace)


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="新工作区目录 / folder of the new workspace")],
    layers: Annotated[Path | None, typer.Option(help="自带图层目录 / own catalogue")] = None,
    assessments: Annotated[Path | None, typer.Option(help="自带规则 / own rulebook")] = None,
    as_of: AsOfOption = None,
) -> None:
    """新建工作区 / Make a workspace."""
    workspace = Workspace.create(
        directory, layers_dir=layers, assessments_dir=assessments, as_of=_day(as_of, "--as-of")
    )
    say.note(f"工作区已建立 / workspace ready: {workspace.directory}")
    say.note(
        f"下一步 / next: geo-service import {workspace.rulebook.zones_layer} FILE --workspace {workspace.directory}"
    )


@app.command("import")
def import_(
    layer: Annotated[str, typer.Argument(help="图层编号，见 geo-service layers / layer id")],
    file: Annotated[Path, typer.Argument(help="数据文件 / data file")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    crs: Annotated[str | None, typer.Option(help="坐标系代码（机构:编号） / CRS code, AUTHORITY:NUMBER")] = None,
    encoding: Annotated[str | None, typer.Option(help="属性编码 / encoding of attributes")] = None,
    edition_date: Annotated[
        str | None, typer.Option("--edition-date", metavar="YYYY-MM-DD", help="数据日期 / date of the data")
    ] = None,
    id_field: Annotated[str | None, typer.Option("--id-field", help="编号字段 / field with the id")] = None,
    layer_name: Annotated[
        str | None, typer.Option("--layer-name", help="文件含多个图层时选用 / which layer of a file with several")
    ] = None,
    extent: Annotated[Path | None, typer.Option(help="资料覆盖范围文件 / file with the surveyed extent")] = None,
    quarantine: Annotated[bool, typer.Option(help="拒绝的行不入库，其余入库 / store the rows that are right")] = False,
    anywhere: Annotated[bool, typer.Option(help="允许远离开发区 / allow data far from every zone")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只检查，不入库 / check only")] = False,
) -> None:
    """导入图层为一个数据版次 / Import a file as an edition of a layer."""
    service = _service(workspace)
    spec = service.catalogue.layers.get(layer)
    if spec is None:
        listed = "、".join(service.catalogue.layers)
        raise NotFound(f"没有图层 {layer}；可用：{listed} / no layer {layer}; there are: {listed}")
    chosen = _day(edition_date, "--edition-date")
    dated = service.data_date(chosen)
    if chosen is None:
        say.note(f"未给出数据日期，按导入日 {dated} 计 / no --edition-date: the day of import {dated} stands for it")
    zone_shapes = service.zone_shapes()
    try:
        data, report = ingest.read_layer(
            spec,
            service.catalogue,
            service.rulebook.jurisdiction,
            file,
            crs=crs,
            encoding=encoding,
            edition_date=dated,
            id_field=id_field,
            layer_name=layer_name,
            extent=extent,
            quarantine=quarantine,
            zone_boxes=zone_shapes,
            anywhere=anywhere,
        )
    except RejectedRows:
        say.note("文件被拒绝，未入库任何数据 / refused; nothing was stored. --quarantine 可只入库其余行")
        raise
    if not anywhere:
        importing.refuse_shifted(service.workspace, data)
    for line in say.report_lines(report, layer):
        say.out(line)
    if dry_run:
        say.note("仅检查，未入库 / dry run: nothing was stored")
        return
    edition = service.workspace.publish(data, report, at=datetime.now(ZoneInfo("UTC")))
    with say.watching("准备量算 preparing") as watch:
        service.prepare(edition.name, watch)
    say.out(f"  数据版次 edition {edition.name}")


@app.command()
def layers(workspace: WorkspaceOption = DEFAULT_WORKSPACE) -> None:
    """列出图层及其数据版次 / List layers and their editions."""
    opened = Workspace.open(workspace)
    published = {row.name: row for row in opened.editions() if row.published}
    by_layer = {row.layer: row for row in published.values()}
    for line in say.table(
        [
            (
                name,
                f"{spec.title.zh} / {spec.title.en}",
                by_layer[name].name if name in by_layer else "未导入 / not imported",
                by_layer[name].edition_date if name in by_layer else None,
                by_layer[name].report.stored if name in by_layer else None,
            )
            for name, spec in opened.catalogue.layers.items()
        ]
    ):
        say.out(line)


@register_app.command("template")
def register_template(
    file: Annotated[Path, typer.Argument(help="要写的 XLSX / XLSX to write")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """写出台账填报模板 / Write the spreadsheet to fill in."""
    # A start would wait for the library of sheets.
    from geo_service.store.template import template

    content = template(Workspace.open(workspace).rulebook)
    _write(file, content)
    say.note(f"模板已写出 / template written: {file}")


@register_app.command("import")
def register_import(
    file: Annotated[Path, typer.Argument(help="填好的 XLSX / filled spreadsheet")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """导入台账，全部成功或全部不入 / Import the spreadsheet, all or nothing."""
    opened = Workspace.open(workspace)
    content = _read(file)
    # As above.
    from geo_service.store.xlsx import read as read_sheets

    sheets = read_sheets(content, opened.rulebook)
    changes = opened.register.put(
        sheets.claims, sheets.facts, sheets.indicators, source=file.name, at=datetime.now(ZoneInfo("UTC"))
    )
    say.out(
        f"证明材料 claims {len(sheets.claims)} · 地块信息 facts {len(sheets.facts)} · "
        f"指标 indicators {len(sheets.indicators)} · 新增 added {changes.added} · 替换 replaced {changes.replaced}"
    )
    known = _service(workspace).snapshot().parcels
    named = {claim.parcel_id for claim in sheets.claims} | {fact.parcel_id for fact in sheets.facts}
    named |= {indicator.parcel_id for indicator in sheets.indicators}
    unknown = sorted(named - known.keys())
    if unknown:
        listed = "、".join(unknown[:20]) + ("…" if len(unknown) > 20 else "")
        say.note(f"提醒 note: {len(unknown)} 个地块编号不在地块图层中，请核对 / not in the parcels layer: {listed}")


@keys_app.command("add")
def keys_add(
    role: Annotated[Role, typer.Option(help="角色 / role")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    zone: Annotated[
        list[str] | None, typer.Option(help="只限该开发区，可多次；默认全部 / only this zone, repeatable; else all")
    ] = None,
    name: Annotated[str, typer.Option(help="发给谁、作何用 / whom or what it is for")] = "",
    days: Annotated[int, typer.Option(help="有效天数 / days for which it holds")] = USUAL_DAYS,
) -> None:
    """新建密钥，只显示这一次 / Make a key; it is shown this once."""
    service = _service(workspace)
    for one in zone or ():
        service.require_zone(one)
    written, key = service.workspace.keys.add(role, zone or None, name, days, datetime.now(ZoneInfo("UTC")))
    say.note(f"密钥 {key.id}，{_scope(key)}，有效至 {_moment(key.expires_at)}；请妥善保存，不会再次显示")
    say.note(f"key {key.id}, {_scope(key)}, until {_moment(key.expires_at)}; keep it, it is not shown again")
    say.out(written)


@keys_app.command("list")
def keys_list(workspace: WorkspaceOption = DEFAULT_WORKSPACE) -> None:
    """列出密钥，不含密文 / List the keys, without their secrets."""
    now = datetime.now(ZoneInfo("UTC"))
    for line in say.table(
        [
            (
                key.id,
                _scope(key),
                key.name,
                f"有效至 until {_moment(key.expires_at)}"
                if key.holds(now)
                else "已失效 ended"
                if key.revoked_at is None
                else f"已吊销 revoked {_moment(key.revoked_at)}",
            )
            for key in Workspace.open(workspace).keys.all()
        ]
    ):
        say.out(line)


@keys_app.command("revoke")
def keys_revoke(
    key: Annotated[str, typer.Argument(help="密钥编号，见 keys list / id of a key")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
) -> None:
    """吊销密钥，数秒内生效 / Take a key back; holds within seconds."""
    Workspace.open(workspace).keys.revoke(key, datetime.now(ZoneInfo("UTC")))
    say.note(f"密钥已吊销 / revoked: {key}")


def _scope(key: Key) -> str:
    return f"{key.role} · {'全部 all' if key.zones is None else '、'.join(sorted(key.zones))}"


def _moment(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


@app.command()
def assess(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    parcel: Annotated[list[str] | None, typer.Option(help="地块编号，可多次 / parcel id, repeatable")] = None,
    zone: Annotated[str | None, typer.Option(help="只核查该开发区 / only parcels of this zone")] = None,
    as_of: AsOfOption = None,
    engine: Annotated[_Engine, typer.Option(help="本机进程或 Dask 集群 / processes here, or Dask")] = _Engine.LOCAL,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="进程数，默认为核数 / processes; as many as there are cores")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="tcp://HOST:PORT", help="已有的 Dask 调度器 / a Dask scheduler that is there")
    ] = None,
    out: Annotated[Path | None, typer.Option(help=".jsonl、.geojson 或 .parquet 文件 / file to write")] = None,
) -> None:
    """核查地块并留存结论；中断后重新运行即接着做 / Assess parcels and keep their verdicts; goes on where it stopped."""
    service = _service(workspace)
    chosen = _day(as_of, "--as-of")
    crew = _crew(service.workspace, engine, jobs or batch.cores(), scheduler)
    if out is not None:
        _refuse_unwritable(out)
    if zone is not None:
        service.require_zone(zone)
    with service.run(parcel, chosen) as run:
        _work(run, crew)
        counts = dict.fromkeys(say.STATUS, 0)
        with _written(out, service.rulebook) as sink:
            for found in say.progress(service.conclusions(run, zone), run.wanted, "写出 writing"):
                sink.add(found.record, found.feature, found.wkb)
                counts[found.status] += 1
    say.note(" · ".join(f"{say.STATUS[status]} {count}" for status, count in counts.items()))


def _crew(workspace: Workspace, engine: _Engine, jobs: int, scheduler: str | None) -> Callable[[batch.Run], batch.Crew]:
    if engine is _Engine.DASK:
        cluster = batch.Cluster(jobs, scheduler)
        return lambda _run: cluster
    if scheduler is not None:
        raise InputError(
            Fault(
                "scheduler_unused",
                "--scheduler 只用于 --engine dask",
                "--scheduler goes with --engine dask only",
                value=scheduler,
            )
        )
    # Another process is worth its start only where there is work for it.
    return lambda run: batch.Here(workspace) if min(jobs, run.units) <= 1 else batch.Processes(min(jobs, run.units))


def _work(run: batch.Run, crew: Callable[[batch.Run], batch.Crew]) -> None:
    """Have the parcels examined that are left; says what was there already, and what stays when it is stopped."""
    if run.units == 0:
        if run.total:
            say.note("输入与上次相同，取用已有结论 / nothing changed since the last run; its verdicts are taken")
        return
    if run.done:
        say.note(f"接着上次进行：{run.done}/{run.total} 已完成 / going on: {run.done} of {run.total} were done")
    if run.kept:
        say.note(f"{run.kept} 个地块不受变化影响，不再重算 / {run.kept} parcels are not affected by what changed")
    done = run.done
    try:
        with say.counting(run.total, "核查 assessing", done) as count:
            for finished in run.work(crew(run)):
                done += finished
                count(finished)
    except KeyboardInterrupt:
        say.note(
            f"已完成 {done}/{run.total}，再次运行同一命令即接着进行 / "
            f"{done} of {run.total} are done; the same command goes on from there"
        )
        raise


@contextmanager
def _written(out: Path | None, rulebook: Rulebook) -> Iterator[stream.Sink]:
    if out is None:
        yield stream.Lines(sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    try:
        with stream.written(out, rulebook) as sink:
            yield sink
    except OSError as error:
        raise _unwritable(out) from error


def _refuse_unwritable(out: Path) -> None:
    """Say before the work what would fail after it."""
    if out.suffix not in stream.FORMATS:
        raise InputError(
            Fault(
                "unknown_format",
                "--out 只支持 .jsonl、.geojson、.parquet",
                "--out takes .jsonl, .geojson or .parquet",
                value=out.name,
            )
        )
    try:
        stream.probe(out)
    except OSError as error:
        raise _unwritable(out) from error


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="任一支持格式的界址文件 / boundaries in any accepted format")],
    workspace: Annotated[
        Path | None, typer.Option("--workspace", envvar="GEO_SERVICE_WORKSPACE", help="工作区目录 / workspace folder")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / print JSON")] = False,
    project_type: Annotated[str | None, typer.Option("--project-type", help="项目类型 / project type")] = None,
    zone: Annotated[str | None, typer.Option(help="按该开发区核查 / judge by this zone")] = None,
    crs: Annotated[str | None, typer.Option(help="坐标系代码 / CRS code")] = None,
    as_of: AsOfOption = None,
) -> None:
    """核查一个界址文件，不入库 / Check boundaries; nothing is stored."""
    chosen = _day(as_of, "--as-of")
    place = workspace or DEFAULT_WORKSPACE
    if workspace is not None or (place / FILE).exists():
        service = _service(place)
        warming = _meanwhile(lambda: checking.warm_up(place, service.rulebook.sha256))
        boundaries = service.read_boundaries(file, file.name, crs)
        warming.join()
        found = service.check(boundaries, chosen, project_type, zone)
    else:
        say.note("没有工作区：未导入任何图层 / no workspace: no layer is imported")
        catalogue, rulebook = load_catalogue(bundled()[0]), load_rulebook(bundled()[1])
        asked = AsOf(chosen, serving.civil_today(rulebook))
        warming = _meanwhile(lambda: checking.warm_up(None, rulebook.sha256))
        boundaries = ingest.read_boundaries(
            file,
            file.name,
            catalogue,
            rulebook.jurisdiction,
            parcels_spec=catalogue.layers[rulebook.parcels_layer],
            crs=crs,
        )
        if zone is not None:
            raise NotFound(f"没有工作区，也就没有开发区 {zone} / no workspace, hence no zone {zone}")
        warming.join()
        measured = checking.measure(None, rulebook.sha256, boundaries.parcels, asked, project_type=project_type)
        found = measured.with_unread(boundaries.rejected)
    for line in say.report_lines(boundaries.report, None):
        say.note(line)
    records = [json.loads(content) for _, content in found.records]
    if as_json:
        say.out_bytes(checked([content for _, content in found.records], found.rejected, boundaries.report))
    else:
        parcels = dict(boundaries.parcels)
        for (row, _), body in zip(found.records, records, strict=True):
            for line in say.verdict_lines(body, parcels[row].repairs):
                say.out(line)
    say.fault_lines(found.rejected)
    if not records:
        raise typer.Exit(2)
    positive = all(body["verdict"]["status"] in ("ready", "conditional") for body in records)
    raise typer.Exit(0 if positive and not found.rejected else 1)


@app.command("map")
def map_(
    out: Annotated[Path, typer.Option(help="单文件地图 .html / single-file map")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_of: AsOfOption = None,
) -> None:
    """写出可离线打开的单文件地图 / Write a map that opens from disk."""
    service = _service(workspace)
    for _ in say.progress(service.verdicts(None, _day(as_of, "--as-of")), len(service.parcels), "核查 assessing"):
        pass
    _write(out, service.zone_map(_day(as_of, "--as-of"), single_file=True).encode())
    say.note(f"地图已写出 / map written: {out}")


@app.command()
def tiles(
    layer: Annotated[str, typer.Argument(help="图层编号，或 verdicts（各地块结论）/ layer id, or verdicts")],
    out: Annotated[Path, typer.Option(help="瓦片文件 .pmtiles / file of tiles to write")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    most_zoom: Annotated[
        int, typer.Option("--most-zoom", min=0, max=FINEST_ZOOM, help="最大级别 / largest zoom")
    ] = USUAL_ZOOM,
    as_of: AsOfOption = None,
) -> None:
    """写出一个已发布图层的矢量瓦片文件（PMTiles），与服务的瓦片相同 / Write a layer's vector tiles as one file."""
    service = _service(workspace)
    snapshot = service.snapshot()
    found = Shelf(service).collection(snapshot, layer)
    content = Tiles(service).archive(snapshot, found, service.as_of(_day(as_of, "--as-of")), most_zoom)
    _write(out, content)
    say.note(f"瓦片已写出 / tiles written: {out}（{len(content)} B）")


@app.command()
def export(
    parcels: Annotated[list[str], typer.Argument(help="地块编号 / parcel ids")],
    out: Annotated[Path, typer.Option(help="成果包 .zip / package to write")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    profile: Annotated[Profile, typer.Option(help="公开资料或内部卷 / public or internal")] = Profile.PUBLIC,
    force: Annotated[bool, typer.Option(help="未达条件仍导出，每页注明 / make it anyway, marked")] = False,
    as_of: AsOfOption = None,
) -> None:
    """生成出让前核查成果包 / Make a tender package."""
    service = _service(workspace)
    _, content = service.package(parcels, _day(as_of, "--as-of"), profile, forced=force)
    _write(out, content)
    say.note(f"成果包已写出 / package written: {out}（{len(content)} B）")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="成果包 .zip / package")],
    workspace: Annotated[
        Path | None, typer.Option("--workspace", help="与该工作区比对 / compare with this workspace")
    ] = None,
) -> None:
    """校验成果包，不需网络 / Verify a package offline."""
    verified = package.verify(_read(file))
    for fault in verified.faults:
        say.out(f"校验不通过 / not intact: {fault}")
    if not verified.intact:
        raise typer.Exit(1)
    manifest = verified.manifest
    say.out(f"完整 / intact: {len(manifest['files'])} 个文件 files, {manifest['profile']}, {manifest['as_of']}")
    if manifest["forced"]:
        say.out("未达条件强制导出 / exported although not ready: " + "、".join(manifest["forced_parcels"]))
    if workspace is not None:
        opened = Workspace.open(workspace)
        published = opened.register.published()
        changed = [entry for entry in manifest["editions"] if published.get(entry["id"]) != entry["edition"]]
        for entry in changed:
            spec = opened.catalogue.layers.get(entry["id"])
            title = entry["id"] if spec is None else f"{spec.title.zh} / {spec.title.en}"
            say.out(f"输入已变化 / input changed：{title} {entry['edition']} → {published.get(entry['id'], '—')}")
        if manifest["rulebook"]["sha256"] != opened.rulebook.sha256:
            say.out(f"规则已变化 / rules changed：{manifest['rulebook']['edition']} → {opened.rulebook.edition}")


@app.command()
def serve(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    host: Annotated[str | None, typer.Option(help="监听地址，默认 127.0.0.1 / address")] = None,
    port: Annotated[int | None, typer.Option(help="端口，默认 8000 / port")] = None,
    workers: Annotated[int | None, typer.Option(help="服务进程数，默认 1 / processes that answer")] = None,
    allow_anonymous: Annotated[
        bool, typer.Option("--allow-anonymous", help="无密钥也可查阅 / everybody may read without a key")
    ] = False,
    local_planner: Annotated[
        bool,
        typer.Option("--local-planner", help="本机用户视为规划人员 / whoever sits at this machine counts as a planner"),
    ] = False,
    settings: Annotated[
        Path | None,
        typer.Option(
            envvar="GEO_SERVICE_SETTINGS",
            help=f"设置文件 .toml，默认工作区中的 {SETTINGS_FILE} / file of settings; else that of the workspace",
        ),
    ] = None,
) -> None:
    """启动地图与接口；须有密钥，或允许匿名 / Serve map and API, to those with a key unless it is told otherwise."""
    own = workspace / SETTINGS_FILE
    given = {
        "host": host,
        "port": port,
        "workers": workers,
        "anonymous": allow_anonymous or None,
        "local_planner": local_planner or None,
    }
    found = read_settings(os.environ, settings or (own if own.exists() else None), given)
    serving.run(serving.Maker(workspace, found))


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="端口 / port")] = DEFAULT_PORT,
    directory: Annotated[Path, typer.Option(help="演示工作区目录 / folder of the demo workspace")] = Path(
        "demo-workspace"
    ),
    prepare_only: Annotated[
        bool, typer.Option("--prepare-only", help="只准备，不启动 / prepare, do not serve")
    ] = False,
) -> None:
    """导入演示数据，核查并启动地图 / Import the demo data, assess them, serve the map."""
    serving.check_port("127.0.0.1", port)
    workspace = seed(directory)
    service = Service(workspace, lambda: serving.civil_today(workspace.rulebook))
    ids = list(service.parcels)
    for parcel_id in say.progress(ids, len(ids), "核查 assessing"):
        service.record(parcel_id)
    if prepare_only:
        say.note(f"演示工作区 / demo workspace: {directory}")
        return
    settings = Settings(port=port, anonymous=True, local_planner=True, log=False)
    serving.run(serving.Maker(directory, settings, draw_first=True, service=service))


def _meanwhile(start: Callable[[], None]) -> Thread:
    """Start something that will be needed; what is wrong with it comes up when it is needed."""

    def run() -> None:
        with suppress(GeoServiceError):
            start()

    thread = Thread(target=run, daemon=True)
    thread.start()
    return thread


def _write(out: Path, content: bytes) -> None:
    try:
        out.write_bytes(content)
    except OSError as error:
        raise _unwritable(out) from error


def _unwritable(out: Path) -> InputError:
    return InputError(
        Fault(
            "file_unwritable",
            "文件无法写出",
            "the file cannot be written",
            next_zh="请核对目录是否存在、是否可写、是否有空间",
            next_en="see that the folder is there, may be written to and has room",
            where=str(out),
        )
    )


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(
            Fault("file_unreadable", "文件不存在或无法读取", "no such file, or it cannot be read", where=file.name)
        ) from error


def _report(error: GeoServiceError) -> int:
    if isinstance(error, InputError):
        say.fault_lines(error.faults)
        return 2
    if isinstance(error, PackageRefused):
        for parcel, status, reasons in error.refused:
            say.note(f"{parcel}: 地块不具备条件，不能生成成果包（缺{len(reasons)}项） / package refused ({status})")
            for reason in reasons:
                say.note(f"  {reason}")
        say.note("仍要生成（每页印“未达条件强制导出”）/ to make it anyway, marked on every page: --force")
        return 1
    for line in str(error).splitlines() or [type(error).__name__]:
        say.note(f"错误 error: {line}")
    return 2


def run(words: Sequence[str]) -> None:
    """Run a command and exit."""
    try:
        # A command that leaves by typer.Exit returns its code here instead of raising.
        left_with = app(list(words), prog_name=app.info.name, standalone_mode=False)
        code = left_with if isinstance(left_with, int) else 0
    except GeoServiceError as error:
        code = _report(error)
    except typer.Abort:
        say.note("已中断 / interrupted")
        code = 130
    except USAGE_ERRORS as error:
        # Without a command the help was printed already, and there is nothing to add.
        if said := error.format_message():
            say.note(f"错误 error: 命令用法不对 / wrong use: {said} [wrong_use] → {app.info.name} --help")
        code = 2
    except Exception:  # noqa: BLE001  # the last line of defence: a trace is for us, not for the planner
        say.note("内部错误，未完成 / internal error; nothing was decided. 请将以下信息发给维护人员 / please report:")
        say.note(traceback.format_exc(limit=-3))
        code = 3
    sys.exit(code)
