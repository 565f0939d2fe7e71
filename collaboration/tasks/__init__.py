"""Jobs of this room, a module per noun; importing a module registers its jobs."""

from collaboration.tasks import board, duplicates, grants, transfers

__all__ = ["board", "duplicates", "grants", "transfers"]
