"""What a person reads in a terminal: verdicts, import reports, faults. Chinese first, English beside it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text as RichText

from geo_service import cells
from geo_service.errors import Fault
from geo_service.export.record import Record
from geo_service.model.parcel import Repair
from geo_service.model.report import ImportReport
from geo_service.model.units import M2_PER_HA, area_text, grouped
from geo_service.projection import central_meridian

STATUS = {
    "ready": "具备供应条件（依据现有数据） / ready to list, on these data",
    "conditional": "附条件具备 / conditional",
    "not_ready": "暂不具备供应条件 / not ready",
    "undetermined": "资料不足，暂不能判定 / undetermined",
}
#: As often is a line written where there is no bar.
LINE_EVERY_S = 30.0
EFFECT = {"not_ready": "公告前必办", "undetermined": "资料不足", "condition": "写入公告和合同的条件"}

_stderr = Console(stderr=True, highlight=False, soft_wrap=True)

T = TypeVar("T")


def note(text: str) -> None:
    """Say something beside the result."""
    _stderr.print(text, markup=False)


def first_run() -> None:
    """Say why the first run after an installation is slow; nothing where stderr is no terminal."""
    if _stderr.is_terminal and not cells.is_compiled():
        note("首次运行需编译计算内核，约一分钟 / the first run compiles the kernel, about a minute")


def fault_lines(faults: Iterable[Fault]) -> None:
    """Say what is wrong, one line a fault."""
    for fault in faults:
        note(f"错误 error: {fault.line()}")


def out(text: str) -> None:
    """Print a line of the result."""
    sys.stdout.write(text + "\n")


def out_bytes(content: bytes) -> None:
    """Print a line of the result as it is."""
    sys.stdout.buffer.write(content + b"\n")
    sys.stdout.buffer.flush()


def progress(items: Iterable[T], total: int, title: str) -> Iterator[T]:
    """Show a bar on stderr while items go by; nothing where stderr is no terminal."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=_stderr,
        transient=True,
        disable=not _stderr.is_terminal,
    ) as bar:
        yield from bar.track(items, total=total, description=title)


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> RichText:
        """Show the speed of the last while."""
        speed = task.finished_speed or task.speed
        return RichText("" if speed is None else f"{speed:,.1f}/s")


class _Log:
    """Counts in lines now and then, for stderr that is kept in a file."""

    def __init__(self, total: int, title: str, done: int) -> None:
        self._total, self._title = total, title
        self._done = self._before = done
        self._began = self._said = monotonic()

    def count(self, count: int) -> None:
        """Count further."""
        self._done += count
        now = monotonic()
        if now - self._said < LINE_EVERY_S:
            return
        self._said = now
        speed = (self._done - self._before) / max(now - self._began, 1e-9)
        left = timedelta(seconds=round((self._total - self._done) / max(speed, 1e-9)))
        note(f"{self._title} {self._done}/{self._total} · {speed:,.1f}/s · 余 left {left}")


@contextmanager
def counting(total: int, title: str, done: int = 0) -> Iterator[Callable[[int], None]]:
    """Show on stderr what is done, how many a second, and the time left; lends what counts further.

    Parameters
    ----------
    done : int
        Of the total, before this began; says nothing about the speed.
    """
    if not _stderr.is_terminal:
        yield _Log(total, title, done).count
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TextColumn("余 left"),
        TimeRemainingColumn(),
        console=_stderr,
        transient=True,
        speed_estimate_period=120.0,
    ) as bar:
        task = bar.add_task(title, total=total, completed=done)
        # The speed is told from the first count on.
        bar.advance(task, 0)
        yield lambda count: bar.advance(task, count)


@contextmanager
def watching(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on stderr while something is made; lends what takes how much of it is done, and of how much."""
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=_stderr, transient=True
    ) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def verdict_lines(body: Record, repairs: Iterable[Repair]) -> Iterator[str]:
    """Write a verdict for a terminal."""
    parcel = body["parcel"]
    name = f" {parcel['name']}" if parcel["name"] else ""
    yield f"{parcel['id']}{name} · {STATUS[body['verdict']['status']]}"
    yield (
        f"  面积 area {area_text(parcel['area_m2'])} = {grouped(parcel['area_m2'] / M2_PER_HA, 4)}公顷 ha"
        f" = {grouped(parcel['area_mu'], 4)}亩 mu；椭球面积 ellipsoidal {area_text(parcel['ellipsoidal_area_m2'])}"
    )
    yield f"  坐标系 CRS {parcel['crs']}{_meridian(parcel['crs'])} · 核查基准日 as of {body['as_of']}"
    for repair in repairs:
        yield f"  修复 repaired: {repair.zh} / {repair.en}"
    until = body["verdict"]["valid_until"]
    if until:
        yield f"  本结论依据现有数据有效至 holds until {until}"
    if body["verdict"]["boundary_sensitive"]:
        yield "  边界临界 boundary-sensitive"
    heading = None
    for reason in body["verdict"]["reasons"]:
        if reason["effect"] != heading:
            heading = reason["effect"]
            count = sum(1 for other in body["verdict"]["reasons"] if other["effect"] == heading)
            yield f"  {EFFECT[heading]} ({count})"
        yield f"    {reason['code']}: {reason['message']['zh']} / {reason['message']['en']}"
    for constraint in body["constraints"]:
        coverage = constraint["coverage"]
        if coverage and coverage["noise_m2"] > 0 and constraint["outcome"] == "clear":
            yield f"  提示 note {constraint['code']}: {constraint['message']['zh']} / {constraint['message']['en']}"


def _meridian(code: str) -> str:
    degrees = central_meridian(code)
    return "" if degrees is None else f" 中央子午线 central meridian {degrees:g}°"


def report_lines(report: ImportReport, into: str | None) -> Iterator[str]:
    """Write for a terminal what was read from a file, into a layer or (``None``) to be checked only."""
    source = f"{report.source_name}（{report.driver}）" + (f" {report.layer}" if report.layer else "")
    yield source if into is None else f"{source} → {into}"
    kept = "可核查 usable" if into is None else "入库 stored"
    yield f"  坐标系 CRS {report.crs}（{report.crs_how}） · 编码 encoding {report.encoding}（{report.encoding_how}）"
    yield (
        f"  读取 read {report.read} = {kept} {report.stored} + 拒绝 rejected {len(report.rejected)}"
        f" + 已删标记 deleted {report.deleted}"
    )
    for repair in report.repairs:
        row = f"第{repair.row}行 row {repair.row} " if repair.row is not None else ""
        change = f"，面积变化 area change {grouped(repair.area_change_m2, 2)}㎡" if repair.geometry_changed else ""
        yield f"  修复 repaired: {row}{repair.id or ''} {repair.zh} / {repair.en}{change}"
    for text in (*report.warnings, *report.notes):
        yield f"  提醒 note: {text}"
    # A check says its faults by themselves, after all verdicts.
    for fault in () if into is None else report.rejected:
        yield f"  拒绝 rejected: {fault.line()}"


def table(rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    """Write rows with tabs between, so that they read in a terminal and cut in a shell."""
    for row in rows:
        yield "\t".join("—" if value is None else str(value) for value in row)
