"""Where things are kept: workspaces, editions, the register, its sheets, and the bundled definitions."""
