"""Every operation of the OpenAPI document, asked in every way its schema allows and in many it does not."""

from __future__ import annotations

import os

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import positive_data_acceptance

#: Of each operation and kind, valid and invalid; more where CI runs.
EXAMPLES = 20 if os.environ.get("HYPOTHESIS_PROFILE") == "ci" else 3


def test_every_answer_is_as_described(served):
    schema = schemathesis.openapi.from_dict(served.get("/api").json())
    wrong: list[str] = []
    asked = 0

    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            def ask(case):
                nonlocal asked
                asked += 1
                # A filter's grammar, or that a ring does not cross itself, is not said in JSON Schema.
                case.call_and_validate(base_url=served.base, excluded_checks=[positive_data_acceptance])

            try:
                ask()
            except Unsatisfiable:
                # Nothing is invalid where nothing is asked for.
                continue
            except (FailureGroup, Failure) as error:
                each = getattr(error, "exceptions", [error])
                wrong += [f"{operation.label} ({mode.value}): {one}" for one in each]
    assert asked > 100
    assert not wrong, "\n\n".join(wrong)
