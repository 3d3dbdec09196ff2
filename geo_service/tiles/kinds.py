"""What the compiled loop and those who call it both know."""

POINT, LINE, POLYGON = 1, 2, 3
#: Output did not fit into the room that was given.
NO_ROOM = -1
#: A clipped ring has at most so many vertices for one of the ring; each side may add half as many again.
GROWTH = 6
