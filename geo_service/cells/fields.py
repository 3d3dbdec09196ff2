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
    ENTRIES,
    ENTRY_COUNT,
    EDGES,
    EDGE_COUNT,
    FIELDS,
) = range(13)

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
    PARCEL_ROWS,
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
    CELL_ENTRIES,
    FIRST_EDGES,
    STEPS,
    DESK,
) = range(31)
