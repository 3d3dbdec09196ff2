"""Every operation of the OpenAPI document, asked in every way its schema allows and in many it does not."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from geo_service.api.access import Policy
from geo_service.api.app import create_app
from geo_service.model.access import Role
from geo_service.service import Service
from tests.api.serving import AS_OF, build, running

#: Of each operation and kind, valid and invalid; more where CI runs.
EXAMPLES = 20 if os.environ.get("HYPOTHESIS_PROFILE") == "ci" else 3
#: A filter's grammar, or that a ring does not cross itself, is not said in JSON Schema. And where keys are made invalid
#: too, ours stands in their place.
EXCLUDED = {
    GenerationMode.POSITIVE: [positive_data_acceptance],
    GenerationMode.NEGATIVE: [positive_data_acceptance, ignored_auth],
}


@pytest.fixture(scope="module")
def served(tmp_path_factory, catalogue_dir):
    """A workspace of its own, open to nobody without a key, and as many wrong keys as are tried."""
    service = Service(build(tmp_path_factory.mktemp("schema") / "ws", catalogue_dir), lambda: AS_OF)
    with running(create_app(service, policy=Policy(guesses=10_000)), service) as found:
        yield found


@pytest.fixture(scope="module")
def keys(served) -> dict[str, str]:
    """A key for each role."""
    made = served.service.workspace.keys
    return {role.value: made.add(role, None, "test", 1, datetime.now(UTC))[0] for role in Role}


def faults(operation, mode: GenerationMode, base: str, shown: dict[str, str]) -> tuple[int, list[str]]:
    """Ask an operation again and again; how often it was asked, and what was wrong with the answers."""
    asked = 0

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        # The same questions every time: what is found is found here, not where something else is being changed.
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case):
        nonlocal asked
        asked += 1
        case.call_and_validate(base_url=base, headers=shown, excluded_checks=EXCLUDED[mode])

    try:
        ask()
    except Unsatisfiable:
        # Nothing is invalid where nothing is asked for.
        return asked, []
    except (FailureGroup, Failure) as error:
        return asked, [f"{operation.label} ({mode.value}): {one}" for one in getattr(error, "exceptions", [error])]
    return asked, []


def test_every_answer_is_as_described(served, keys):
    described = served.get("/api", headers={"X-API-Key": keys["viewer"]}).json()
    asked, wrong = 0, []
    for found in schemathesis.openapi.from_dict(described).get_all_operations():
        operation = found.ok()
        roles = operation.definition.raw.get("x-roles", [])
        role = "planner" if not roles or {"viewer", "planner"} & set(roles) else roles[0]
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            times, faulty = faults(operation, mode, served.base, {"X-API-Key": keys[role]})
            asked, wrong = asked + times, [*wrong, *faulty]
    assert asked >= 100 * EXAMPLES
    assert not wrong, "\n\n".join(wrong)
