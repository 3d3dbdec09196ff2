"""The permalink as a QR code."""

from __future__ import annotations

import segno
from markupsafe import Markup

QUIET_MODULES = 4


def code(link: str, side_mm: float) -> Markup:
    """Draw a link as a QR code, level M, with its quiet zone; ``side_mm`` is the code without the zone.

    Examples
    --------
    >>> str(code("a", 20.0))[:40]
    '<svg class="qr" width="27.62mm" height="'
    """
    matrix = segno.make(link, error="m", micro=False, boost_error=False).matrix
    count = len(matrix)
    whole = count + 2 * QUIET_MODULES
    runs = "".join(
        f"M{start + QUIET_MODULES} {row + QUIET_MODULES}h{length}v1h-{length}z"
        for row, modules in enumerate(matrix)
        for start, length in _runs(modules)
    )
    side = round(side_mm * whole / count, 2)
    return Markup(
        '<svg class="qr" width="{0}mm" height="{0}mm" viewBox="0 0 {1} {1}" shape-rendering="crispEdges" role="img" '
        'aria-label="{2}"><path d="M0 0h{1}v{1}h-{1}z" fill="#FFFFFF"/><path d="{3}" fill="#000000"/></svg>'
    ).format(side, whole, link, runs)


def _runs(modules: bytearray) -> list[tuple[int, int]]:
    """Find the dark modules of a row that stand together: first one and how many."""
    found: list[tuple[int, int]] = []
    for place, dark in enumerate(modules):
        if not dark:
            continue
        if found and sum(found[-1]) == place:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((place, 1))
    return found
