"""The service may be killed at any moment of an import."""

from __future__ import annotations

import os

import pytest

from tests.imports.killing import rounds

TIMES = 20 if os.environ.get("HYPOTHESIS_PROFILE") == "ci" else 2


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_the_old_edition_or_the_new_one(tmp_path):
    assert sum(rounds(tmp_path / "ws", TIMES, seed=5).values()) == TIMES
