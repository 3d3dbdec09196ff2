"""Readers, one a format: bytes in, rows as delivered out. Nothing here judges attributes or places."""
