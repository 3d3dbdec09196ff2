"""The container image, read without an engine: what it is built from, who it runs as, how it says it is well."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.dockerfile import ROOT, stages

#: Libraries of the base image that every manylinux wheel may count on.
BASE_LIBRARIES = {"libc", "libm", "libdl", "libpthread", "librt", "libgcc_s", "libstdc++", "libz", "libutil"}


def test_hadolint_finds_nothing():
    hadolint = Path(sys.executable).with_name("hadolint")

    done = subprocess.run([hadolint, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_two_stages_from_a_named_python():
    first, last = stages()

    assert first.name == "build"
    for stage in (first, last):
        assert re.fullmatch(r"python:3\.1[123]-slim", stage.base)


def test_runs_as_an_unprivileged_user_whose_number_is_known():
    assert stages()[-1].all("USER") == ["10001:10001"]


def test_entry_point_gets_signals_itself():
    last = stages()[-1]

    assert json.loads(last.all("ENTRYPOINT")[0]) == ["geo-service"]
    assert json.loads(last.all("CMD")[0])[0] == "serve"


def test_image_lets_nobody_in_until_told_to():
    assert not {"--host", "--allow-anonymous"} & set(json.loads(stages()[-1].all("CMD")[0]))


def test_health_check_asks_healthz_with_python_alone():
    (check,) = stages()[-1].all("HEALTHCHECK")
    command = json.loads(check.partition("CMD ")[2])

    assert command[:2] == ["python", "-c"]
    assert "/healthz" in command[2]
    compile(command[2], "HEALTHCHECK", "exec")


def test_health_check_fails_when_nothing_answers():
    (check,) = stages()[-1].all("HEALTHCHECK")
    code = json.loads(check.partition("CMD ")[2])[2].replace(":8000", ":9")

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode != 0


def test_what_is_copied_exists_and_is_not_shut_out():
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {source for copy in stages()[0].all("COPY") for source in copy.split()[:-1]}

    assert copied == let_in
    assert not [source for source in copied if not (ROOT / source).exists()]


def test_every_package_comes_by_hash_or_from_the_wheel_just_built():
    installs = [
        command
        for stage in stages()
        for run in stage.all("RUN")
        for command in run.split("&&")
        if re.search(r"pip .*\binstall\b", command)
    ]

    assert len(installs) == 3
    for command in installs:
        assert "--require-hashes" in command or "--no-index" in command


@pytest.mark.skipif(shutil.which("ldd") is None, reason="ldd is not here to tell which libraries a wheel needs")
def test_image_brings_the_system_libraries_the_raster_wheel_leaves_out():
    """The slim base image has dropped libraries before; the wheel then fails only at import."""
    import rasterio

    installed = " ".join(stages()[-1].all("RUN"))
    extensions = list(Path(rasterio.__file__).parent.glob("*.so"))
    linked = subprocess.run(["ldd", *extensions], capture_output=True, text=True, check=True).stdout
    outside = {
        name
        for name, path in re.findall(r"^\s+(lib[\w+]+)[\w.-]*\.so[\d.]* => (\S+)", linked, re.MULTILINE)
        if path.startswith(("/lib", "/usr/lib"))
    }

    assert extensions
    assert {name for name in outside - BASE_LIBRARIES if f"{name}1" not in installed} == set()
