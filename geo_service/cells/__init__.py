"""How much of every parcel every layer covers: exactly, and without a geometry object on the way.

**The identity.** Let every edge of a polygon carry the ground between itself and a base line far below. Count that
trapezoid as there where ground lies just below the edge, and as taken away where it lies above; what is left is the
polygon, holes and all::

    area(A) = Σ s_a ∫ y_a dx        over its edges a, s_a = +1 where ground lies below the edge, -1 where above

       ┌───←───┐          ┌───←───┐
       │███A███│    =     │███████│    -
       └───→───┘          │███████│         ┌───→───┐
                          │███████│         │███████│
    ───────────────   ────┴───────┴──   ────┴───────┴──    base line

Two such trapezoids share the ground below the lower of their edges. Hence, with nothing built and nothing classified,

    area(A ∩ B) = Σ_a Σ_b  s_a s_b ∫ min(y_a, y_b) dx       over the x that both edges have,

and the integral of the lower of two straight lines is that of one line, less a triangle where they cross (`shared` in
`kernel`). Edges that touch, coincide, or end in each other need no special case: where two lines are equal it does not
matter which one is the lower. Vertical edges have no x and drop out. A sum of products of differences has no predicate
that could fail and no tolerance; its error is rounding, some 1e-10 m² for a parcel (against rational arithmetic).

**The cells.** Every edge against every edge would be slow, and a base line far away would cost digits. So a layer is
cut into the squares of a grid once, when it is imported (`preparing`), and each square keeps one of three things by
class::

      ┌──────┬──────┬──────┐
      │      │   ╱██│██████│     nothing      most squares
      │      │ ╱████│██████│     all of it    no edges: what the parcel has there is its own area
      ├──────┼──────┼──────┤
      │   ╱──│██████│██████│     edges        of the union of the class, with the square's bottom as their base line,
      │ ╱████│██████│██████│                  in metres from its corner
      └──────┴──────┴──────┘

Where features of a class overlap, a sweep unites them within the square (`union`); where classes overlap, the union of
the layer is kept beside them; where a layer was surveyed only here and there, so is that extent with the layer on it.
Covered, uncovered and unsurveyed ground then all come out of the same pass. The squares of every feature must add up to
the feature, or the layer is refused: nothing is answered from a preparation that lost ground.

**Where what is.**

======================  =========================================================================================
`preparing`             the layer as a whole: cut, fill, check, assemble
`columns`               cutting edges at the lines of the grid, closing them at the top of each square
`filling`, `union`      what a square holds, by class; overlaps united
`prepared`              the arrays, and the file that is mapped into memory and checked
`kernel`                the identity above, over the squares that a parcel meets
`measuring`             blocks of parcels on threads, one parcel at a time, results in the order of parcels
======================  =========================================================================================

Which features, how wide their overlap is and where it lies are questions for few parcels; `geo_service.overlay`
answers them with geometries. `Prepared.features_in` spares it the features that have nothing or all of a parcel.

Source: that areas need no overlay, and a uniform grid to find the edges that meet, are from W. R. Franklin and others,
"Calculating the area of overlaid polygons without constructing the overlay", Cartography and Geographic Information
Systems 21 (2), 1994. They add up crossings and vertices, each of which has to be classified; the integral of the lower
edge has nothing to classify.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geo_service.cells.measuring import Areas, Asker, Stack, areas, is_compiled
from geo_service.cells.prepared import KNOWN, WHOLE, Prepared

if TYPE_CHECKING:
    from geo_service.cells.preparing import prepare

__all__ = ["KNOWN", "WHOLE", "Areas", "Asker", "Prepared", "Stack", "areas", "is_compiled", "prepare"]


def __getattr__(name: str) -> Any:
    # Preparing needs the compiler, which takes longer to start than measuring does; so only where it is asked for.
    if name == "prepare":
        from geo_service.cells.preparing import prepare

        return prepare
    raise AttributeError(name)
