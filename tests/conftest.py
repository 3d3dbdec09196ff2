"""What holds for every test: no network but loopback, the hypothesis profiles, and no silent skips where CI runs."""

from __future__ import annotations

import fcntl
import importlib.util
import ipaddress
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from geo_service.cli.demo import seed
from tests.cells.postgis import programs

#: For a look while working; CI draws far more.
settings.register_profile("default", max_examples=60, deadline=None)
settings.register_profile(
    "ci",
    max_examples=200,
    deadline=None,
    print_blob=True,
    # A busy shared runner draws large geometries slowly; that says nothing about the code.
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "mutants",
    max_examples=20,
    deadline=None,
    # Only whether a test fails is asked: no smaller example, and nothing kept for the next mutant.
    phases=[Phase.explicit, Phase.generate],
    database=None,
    derandomize=True,
)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
settings.load_profile(PROFILE)
#: For the laws on which every area rests.
LAWS = settings(max_examples=2_000) if PROFILE == "ci" else settings()

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}

#: Marker → the system part it needs and the Debian package that brings it.
SYSTEM_PARTS = {
    "chromium": (lambda: shutil.which("chromium"), "chromium"),
    "postgis": (programs, "postgresql-postgis"),
    "poppler": (lambda: shutil.which("pdftotext"), "poppler-utils"),
    "qgis": (lambda: Path("/usr/lib/python3/dist-packages/qgis").is_dir(), "python3-qgis qgis-providers"),
    "gdal_tools": (lambda: shutil.which("ogr2ogr") and shutil.which("ogrinfo"), "gdal-bin"),
}

#: Whose examples call the loops that the demo does not need; calling them compiles them.
COMPILED = ("geo_service/zonal", "geo_service/segments", "geo_service/tiles", "geo_service/overlay")

#: The one reason for which CI may skip: the sample files lie beside the checkout, not in it.
MAY_BE_ABSENT = "shared/data"


#: How long a test with a mark takes: as long as so many that draw examples.
LONG = {"slow": 30, "chromium": 3}


class NetworkReached(AssertionError):
    """A test tried to leave this machine."""


def _is_loopback(host: object) -> bool:
    """Tell whether a name or address stays on this machine; no name is resolved to find out."""
    text = host.decode(errors="replace") if isinstance(host, bytes) else host
    if text is None or text in {"", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(str(text)).is_loopback or ipaddress.ip_address(str(text)).is_unspecified
    except ValueError:
        return False


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse to resolve or reach any host but this one.

    An audit hook rather than a patched socket class: it also sees sockets opened from C and by asyncio.
    """
    if event == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and not _is_loopback(address[0]):
            raise NetworkReached(f"a test tried to connect to {address[0]}")
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"} and not _is_loopback(arguments[0]):
        raise NetworkReached(f"a test tried to look up {arguments[0]}")


def pytest_configure(config: pytest.Config) -> None:
    """Shut the network before the first test is collected."""
    sys.addaudithook(_guard)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs an absent system part, and say what to install."""
    for marker, (present, package) in SYSTEM_PARTS.items():
        if item.get_closest_marker(marker) and not present():
            pytest.skip(f"{package} is not installed: apt-get install {package}")
    if item.get_closest_marker("chromium") and importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright is not installed: make setup")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are cores, as tests also wait: for browsers, servers and disks."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no process is left with one of them at the end.

    Last of all hooks, when what is not asked for has been left out.
    """
    long: Counter[str] = Counter()
    for item in items:
        drawn = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        long[item.location[0]] += max([drawn, *(LONG[mark.name] for mark in item.iter_markers() if mark.name in LONG)])
    items.sort(key=lambda item: -long[item.location[0]])


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure: where CI runs, everything is installed, so a skip is a test that was lost."""
    if not IN_CI or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if MAY_BE_ABSENT in reason:
        return
    report.outcome = "failed"
    report.longrepr = f"skipped in CI: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Apply the rule on skips to tests."""
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Any:
    """Apply the rule on skips to modules skipped as a whole."""
    report = yield
    _refuse_skip(report)
    return report


def pytest_sessionstart(session: pytest.Session) -> None:
    """Make what every process would make for itself, before a run of all tests is shared out: code, and the demo."""
    config = session.config
    shared_out = getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput")
    if not shared_out or config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    folder: Path = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    compiling = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", *COMPILED]
    with subprocess.Popen(compiling, cwd=config.rootpath, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        _seed(folder)


def _seed(folder: Path) -> None:
    seed(folder / "seeding")
    (folder / "seeding").rename(folder / "seeded")


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's workspace, made once for all processes that test; to be copied, never opened."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with (folder / "seeded.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "seeded").exists():
            _seed(folder)
    return folder / "seeded"


@pytest.fixture(scope="session")
def demo(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's workspace, for reading only."""
    return shutil.copytree(seeded, tmp_path_factory.mktemp("demo") / "demo")


@pytest.fixture
def own_demo(seeded: Path, tmp_path: Path) -> Path:
    """The demo's workspace, for a test that changes it."""
    return shutil.copytree(seeded, tmp_path / "own")


#: Only the last list of these counts, so what Playwright turns off stands here too; then the pages of the address bar,
#: which take longer to draw than most of ours and would be drawn beside each.
TURNED_OFF = (
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxPopup",
)
#: Nothing but the page asks for anything.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    f"--disable-features={','.join(TURNED_OFF)}",
)


@pytest.fixture(scope="module")
def launch() -> Iterator[Callable[..., Any]]:
    """Start the system's Chromium with given arguments.

    One driver for every test, and for one file only: while it lives, no event loop can be started in this thread.
    """
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        found = []

        def start(arguments: tuple[str, ...] = QUIET) -> Any:
            found.append(playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(arguments)))
            return found[-1]

        yield start
        for browser in found:
            browser.close()


@pytest.fixture(scope="module")
def browser(launch: Callable[..., Any]) -> Any:
    """Chromium as most tests need it."""
    return launch()
