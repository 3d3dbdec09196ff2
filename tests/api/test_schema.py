"""Every operation of the OpenAPI document, asked in every way its schema allows and in many it does not."""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.stateful import run_state_machine_as_test
from schemathesis import GenerationMode
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from geo_service.api.access import Policy
from geo_service.api.app import create_app
from geo_service.model.access import Role
from geo_service.service import Service
from tests.api.serving import AS_OF, build, running

#: Of each operation and kind, valid and invalid; more where CI runs.
EXAMPLES = 20 if os.environ.get("HYPOTHESIS_PROFILE") == "ci" else 2
#: Ways from answer to answer.
WALKS = 40 if os.environ.get("HYPOTHESIS_PROFILE") == "ci" else 12
#: The same questions every time: what is found is found here, not where something else is being changed.
SAME = settings(
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
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
    @settings(SAME, max_examples=EXAMPLES)
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


def test_what_an_answer_leads_to_is_there(served, keys):
    """Walk from answer to answer: an import to its job, a search to its parcels, the collections to each of them."""
    shown = {"X-API-Key": keys["planner"]}
    described = schemathesis.openapi.from_dict(served.get("/api", headers=shown).json())
    # What answers lead to, and what leads there; the rest would only be asked once more.
    schema = described.include(path_regex=r"^/(jobs|parcels|layers|collections$|collections/\{)")
    schema.config.update(base_url=served.base)
    schema.config.generation.update(modes=[GenerationMode.POSITIVE])
    reached: Counter[str] = Counter()

    class Walk(schema.as_state_machine()):
        def before_call(self, case):
            if "layer_id" in (case.path_parameters or {}):
                # No text drawn at random names a layer.
                case.path_parameters["layer_id"] = "parcels"
            # Nor is anything a key but a key.
            case.headers, case.cookies = dict(shown), {}
            return super().before_call(case)

        def get_call_kwargs(self, case):
            return {"headers": shown}

        def validate_response(self, response, case, additional_checks=None, **options):
            reached[case.operation.path] += 1
            case.validate_response(
                response,
                additional_checks=additional_checks,
                excluded_checks=EXCLUDED[GenerationMode.NEGATIVE],
                transport_kwargs=options,
            )

    run_state_machine_as_test(Walk, settings=settings(SAME, max_examples=WALKS, stateful_step_count=6))
    assert {"/jobs/{job_id}", "/parcels/{parcel_id}/assessment", "/collections/{collection_id}/items"} <= reached.keys()
