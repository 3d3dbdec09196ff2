"""Outcomes and other closed lists, exactly as they go over the wire."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What a finding concluded; which of them a finding may have depends on its kind."""

    COVERED = "covered"
    PARTLY_COVERED = "partly_covered"
    NOT_COVERED = "not_covered"
    PENDING = "pending"
    EXPIRED = "expired"
    WAIVED = "waived"
    EXCLUDED = "excluded"
    NOT_REQUIRED = "not_required"
    NO_DATA = "no_data"
    CLEAR = "clear"
    AFFECTED = "affected"
    REVIEW = "review"
    MET = "met"
    PARTIAL = "partial"
    PLANNED = "planned"
    NOT_MET = "not_met"
    UNKNOWN = "unknown"
    SET = "set"
    BELOW_STANDARD = "below_standard"
    MISSING = "missing"
    NO_STANDARD = "no_standard"


#: Outcomes after which nothing is missing.
PASSED = frozenset((Outcome.COVERED, Outcome.WAIVED, Outcome.NOT_REQUIRED, Outcome.CLEAR, Outcome.MET, Outcome.SET))
ASSESSMENT_OUTCOMES = (
    Outcome.COVERED,
    Outcome.PARTLY_COVERED,
    Outcome.NOT_COVERED,
    Outcome.PENDING,
    Outcome.EXPIRED,
    Outcome.WAIVED,
    Outcome.EXCLUDED,
    Outcome.NOT_REQUIRED,
    Outcome.NO_DATA,
)
CONSTRAINT_OUTCOMES = (Outcome.CLEAR, Outcome.AFFECTED, Outcome.REVIEW, Outcome.NO_DATA)
SERVICE_OUTCOMES = (
    Outcome.MET,
    Outcome.PARTIAL,
    Outcome.PLANNED,
    Outcome.NOT_MET,
    Outcome.REVIEW,
    Outcome.UNKNOWN,
)
LEVEL_OUTCOMES = (Outcome.MET, Outcome.PARTIAL, Outcome.NOT_MET, Outcome.REVIEW, Outcome.UNKNOWN)
INDICATOR_OUTCOMES = (Outcome.SET, Outcome.BELOW_STANDARD, Outcome.MISSING, Outcome.NO_STANDARD)


class NoDataReason(StrEnum):
    """Why something is not known, in the order in which the first that applies is given."""

    LAYER_MISSING = "layer_missing"
    WITHHELD = "withheld"
    STALE = "stale"
    FAILED = "failed"
    OUTSIDE_SURVEYED_EXTENT = "outside_surveyed_extent"
    PARTLY_SURVEYED = "partly_surveyed"
    ATTRIBUTE_MISSING = "attribute_missing"
    NO_CLAIM = "no_claim"
    NO_DOCUMENT = "no_document"


class Severity(StrEnum):
    """How much a finding weighs."""

    BLOCKING = "blocking"
    CONDITIONAL = "conditional"
    INFO = "info"


class Cell(StrEnum):
    """A cell of the decision table."""

    PASS = "pass"
    NOTE = "note"
    CONDITION = "condition"
    CONDITION_IF_ASSURED = "condition_if_assured"
    UNDETERMINED = "undetermined"
    NOT_READY = "not_ready"


class Status(StrEnum):
    """A verdict, from best to worst."""

    READY = "ready"
    CONDITIONAL = "conditional"
    UNDETERMINED = "undetermined"
    NOT_READY = "not_ready"


class Stage(StrEnum):
    """When something must be done."""

    BEFORE_NOTICE = "before_notice"
    IN_NOTICE = "in_notice"
    IN_CONTRACT = "in_contract"
    BEFORE_START = "before_start"


class Kind(StrEnum):
    """How a constraint reads its layer."""

    AVOID = "avoid"
    CONTAIN = "contain"
    MATCH = "match"


class Effect(StrEnum):
    """What a covering assessment frees the buyer from."""

    REPLACES = "replaces"
    SIMPLIFIES = "simplifies"
    COMMITMENT = "commitment"
    PARAMETERS_ONLY = "parameters_only"


class Network(StrEnum):
    """What the network layer says of a service."""

    SERVES = "serves"
    NEAR = "near"
    NONE = "none"
    NO_DATA = "no_data"


class Design(StrEnum):
    """Where the design levels of a site come from."""

    PLATFORMS = "platforms"
    RASTER = "raster"
    NONE = "none"
