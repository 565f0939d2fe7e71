"""What pages and API read of spaces."""

from upstream.queries.lists import (
    NONE,
    PARTNER_FILTERS,
    PEOPLE_FILTERS,
    SPACE_FILTERS,
    Usage,
    linked,
    members,
    partners,
    people,
    people_usage,
    places,
    present_members,
    rules,
    series,
    spaces,
)
from upstream.queries.worlds import as_viewer, world

__all__ = [
    "NONE",
    "PARTNER_FILTERS",
    "PEOPLE_FILTERS",
    "SPACE_FILTERS",
    "Usage",
    "as_viewer",
    "linked",
    "members",
    "partners",
    "people",
    "people_usage",
    "places",
    "present_members",
    "rules",
    "series",
    "spaces",
    "world",
]
