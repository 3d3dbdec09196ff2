"""How a command ends when something is wrong that is neither the planner's fault nor the file's."""

from __future__ import annotations

from pathlib import Path

import pytest

from geo_service.cli import main
from geo_service.store.workspace import Workspace


def test_an_error_that_nobody_foresaw_is_3_and_decides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(Workspace, "create", broken)
    with pytest.raises(SystemExit) as left:
        main(["init", str(tmp_path / "bureau")])
    assert left.value.code == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("内部错误，未完成 / internal error; nothing was decided.")
    # What the maintainers need to find it.
    assert "ZeroDivisionError: a fault of ours" in said.err
    assert not (tmp_path / "bureau").exists()
