"""What is concluded where some features have all of the ground and the others nothing: the same wherever that is so.

Most parcels lie wholly in what covers their zone, and nothing that forbids a sale lies on them. Such parcels differ by
their area alone, so the law is asked once, of two squares on which the same features have everything. Where it says
the same of both, it says so of every parcel of the kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Generic, Literal, TypeVar
from weakref import WeakKeyDictionary

import shapely

from geo_service import overlay
from geo_service.engine.ground import Ground
from geo_service.engine.site import Site
from geo_service.kept import Kept
from geo_service.model.finding import AssessmentFinding, ConstraintFinding, CoverageShares
from geo_service.model.rulebook import Rulebook, Version

F = TypeVar("F", AssessmentFinding, ConstraintFinding)
Key = tuple[object, ...]

#: So many kinds of ground are known of one set of layers.
KINDS = 5_000
#: Sides of the two squares: so different that no number is written alike for both, so wide that nothing is thin.
_SIDES_M = 1_234.5, 7_654.25
# Let go of with the ground; ``False`` was met once.
_KINDS: WeakKeyDictionary[Ground, Kept[Key, Alike[Any] | Literal[False]]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False, slots=True)
class Alike(Generic[F]):
    """What one rule concludes on ground of one kind.

    Attributes
    ----------
    version, rulebook : Version, Rulebook
        By which it was concluded; while they are here, nothing else has their identities.
    finding : finding or None
        Of one of the squares; ``None`` where what is said depends on how much ground there is.
    """

    version: Version
    rulebook: Rulebook
    finding: F | None

    def on(self, uncut: overlay.Uncut) -> F | None:
        """Return the finding of a parcel of this kind."""
        finding = self.finding
        if finding is None or finding.coverage is None:
            return None
        # As they are measured: what is cut out of a parcel may differ from it in the last digit.
        area_m2, whole_m2 = uncut.area_m2, uncut.whole.area_m2
        if finding.coverage.share:
            shares = CoverageShares(1.0, area_m2, 0.0, 0.0, 0.0)
        else:
            shares = CoverageShares(0.0, 0.0, whole_m2, 0.0, 0.0)
        if isinstance(finding, ConstraintFinding):
            return finding.by(shares)
        share = min(whole_m2 / area_m2, 1.0)
        reports = finding.reports
        if share != 1.0:
            reports = tuple(replace(report, share=share) for report in reports)
        return finding.by(shares, reports)


class Sample(Site):
    """A square of our own on which some features of one layer have everything and all others nothing, all surveyed."""

    def __init__(self, like: Site, layer: str, held: tuple[int, ...], side_m: float) -> None:
        super().__init__(like.parcel, overlay.Uncut(shapely.box(0.0, 0.0, side_m, side_m)), like.ground, like.rulebook)
        self._layer, self._held = layer, held

    def rows(self, layer: str, within_m: float = 0.0) -> tuple[int, ...]:
        """Return the rows that have everything.

        Raises
        ------
        LookupError
            For any layer but the one that it is a sample of.
        """
        if layer != self._layer:
            raise LookupError(f"a sample of {self._layer} knows nothing of {layer}")
        return self._held

    def _there(self, layer: str) -> tuple[frozenset[int], frozenset[int]]:
        held = frozenset(self.rows(layer))
        return held, held

    def surveyed(self, layer: str, surveys: tuple[int, ...]) -> None:
        """Return where the layer was surveyed: all over."""


def finding(
    site: Site,
    layer: str,
    held: tuple[int, ...],
    version: Version,
    rulebook: Rulebook,
    asked: tuple[object, ...],
    conclude: Callable[[Site], F],
) -> F | None:
    """Return what a rule concludes of a parcel on which some features of a layer have everything, others nothing.

    Parameters
    ----------
    asked : tuple
        Whatever else the conclusion depends on.
    conclude : callable
        Asks the law about another site.

    Returns
    -------
    finding or None
        ``None`` where it depends on how much ground there is, and for a kind that is met for the first time: many are
        met but once.
    """
    kinds = _KINDS.get(site.ground)
    if kinds is None:
        kinds = _KINDS[site.ground] = Kept(KINDS)
    key = (id(version), id(rulebook), held, asked)
    found = kinds.get(key)
    if found is None:
        kinds.put(key, False, 1)
        return None
    if found is False or found.version is not version or found.rulebook is not rulebook:
        found = concluded(site, layer, held, version, rulebook, conclude)
        kinds.put(key, found, 1 + len(held))
    told: F | None = found.on(site.uncut)
    return told


def concluded(
    like: Site, layer: str, held: tuple[int, ...], version: Version, rulebook: Rulebook, conclude: Callable[[Site], F]
) -> Alike[F]:
    """Ask the law about two squares on which some features of a layer have everything."""
    one, other = (conclude(Sample(like, layer, held, side_m)) for side_m in _SIDES_M)
    is_same = _is_all_or_nothing(one, _SIDES_M[0]) and _is_all_or_nothing(other, _SIDES_M[1]) and _is_same(one, other)
    return Alike(version, rulebook, one if is_same else None)


def _is_all_or_nothing(finding: AssessmentFinding | ConstraintFinding, side_m: float) -> bool:
    shares, area_m2 = finding.coverage, side_m * side_m
    if shares is None:
        return False
    told = shares.share, shares.covered_m2, shares.uncovered_m2, shares.unsurveyed_m2, shares.noise_m2
    return told in ((1.0, area_m2, 0.0, 0.0, 0.0), (0.0, 0.0, area_m2, 0.0, 0.0))


def _is_same(one: F, other: F) -> bool:
    """Tell whether everything but the areas is the same; what shows ground on a map never is."""
    return not one.pieces and all(
        getattr(one, each.name) == getattr(other, each.name) for each in fields(one) if each.name != "coverage"
    )
