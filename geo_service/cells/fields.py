"""Where the kernel finds its arrays: the meaning of the numbers that say so."""

from __future__ import annotations

#: What is left by rounding when edges cancel; smaller shares are no ground.
RESIDUE_M2 = 1e-6

#: Added to a fault of a shape where rows are counted.
REFUSED = 1_000

#: Columns of the table of layers.
(
    WEST,
    SOUTH,
    COLUMNS,
    ROWS,
    CLASSES,
    SURVEYED,
    FIRST_KEY,
    CELL_AT,
    ENTRY_CLASS,
    ENTRY_FROM,
    ENTRY_WIDE,
    ENTRY_TO,
    EDGES,
    ENTRIES,
    EDGE_COUNT,
    FIELDS,
) = range(16)

#: Fields of the desk.
(
    XY,
    VERTICES,
    CHAIN_AT,
    CHAINS,
    SHAPE_AT,
    SHAPES,
    OUTER,
    POLYGONAL,
    STARTS,
    ORDER,
    ASKED,
    TABLE,
    LAYERS,
    CELL,
    PARCEL_M2,
    FOUND_PARCEL,
    FOUND_KEY,
    FOUND_M2,
    ROOM,
    SUMS,
    KEYS,
    MET,
    LONGEST,
    OWN,
    CUT,
    BOUNDS,
    STEPS,
    DESK,
) = range(28)
