"""Jobs of this room, a module per noun; importing a module registers its jobs."""

from contacts.tasks import bulk, exports, grading, imports, search, silence

__all__ = ["bulk", "exports", "grading", "imports", "search", "silence"]
