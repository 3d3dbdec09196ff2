"""The decision table: findings in, status and reasons out."""

from __future__ import annotations

from collections.abc import Iterable

from geo_service.model.enums import Cell, Stage, Status
from geo_service.model.finding import Concern, Decision, Reason
from geo_service.model.rulebook import Rulebook

_STATUS = {
    Cell.PASS: Status.READY,
    Cell.NOTE: Status.READY,
    Cell.CONDITION: Status.CONDITIONAL,
    Cell.UNDETERMINED: Status.UNDETERMINED,
    Cell.NOT_READY: Status.NOT_READY,
}
_RANK = {status: rank for rank, status in enumerate(Status)}


def cell(concern: Concern, rulebook: Rulebook) -> Cell:
    """Return the cell of the decision table; what is planned counts as a condition only when it is assured."""
    found = rulebook.decision[concern.outcome][concern.severity]
    if found is Cell.CONDITION_IF_ASSURED:
        return Cell.CONDITION if concern.assured else Cell.NOT_READY
    return found


def _worse(one: Status, other: Status) -> Status:
    return other if _RANK[other] > _RANK[one] else one


def decide(concerns: Iterable[Concern], rulebook: Rulebook) -> Decision:
    """Gather findings into a verdict: the worst cell, and a reason for every finding that is no pass or note.

    Reasons come worst first; among equals in the order given.
    """
    reasons: list[Reason] = []
    status = Status.READY
    for concern in concerns:
        found = cell(concern, rulebook)
        status = _worse(status, _STATUS[found])
        if found not in (Cell.PASS, Cell.NOTE):
            stage = concern.stage or Stage.IN_NOTICE if found is Cell.CONDITION else Stage.BEFORE_NOTICE
            reasons.append(
                Reason(
                    code=concern.code,
                    outcome=concern.outcome,
                    severity=concern.severity,
                    effect=found.value,
                    stage=stage,
                    owner=concern.owner,
                    message=concern.message,
                    clause=concern.clause if found is Cell.CONDITION else None,
                    needed=None if found is Cell.CONDITION else concern.needed,
                )
            )
        for extra in concern.conditions:
            status = _worse(status, Status.CONDITIONAL)
            reasons.append(
                Reason(
                    code=concern.code,
                    outcome=concern.outcome,
                    severity=concern.severity,
                    effect=Cell.CONDITION.value,
                    stage=extra.stage,
                    owner=extra.owner,
                    message=extra.message,
                    clause=extra.clause,
                    needed=None,
                )
            )
    order = {Cell.NOT_READY.value: 0, Cell.UNDETERMINED.value: 1, Cell.CONDITION.value: 2}
    return Decision(status, tuple(sorted(reasons, key=lambda reason: order[reason.effect])))
