"""Jobs of this room, a module per noun; importing a module registers its jobs."""

from contacts.tasks import (
    bulk,
    cleanups,
    exports,
    follow_ups,
    grading,
    imports,
    losses,
    persons,
    platform,
    report_exports,
    retention,
    search,
    silence,
    tag_rules,
)

__all__ = [
    "bulk",
    "cleanups",
    "exports",
    "follow_ups",
    "grading",
    "imports",
    "losses",
    "persons",
    "platform",
    "report_exports",
    "retention",
    "search",
    "silence",
    "tag_rules",
]
