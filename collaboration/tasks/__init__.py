"""Jobs of this room, a module per noun; importing a module registers its jobs."""

from collaboration.tasks import transfers

__all__ = ["transfers"]
