"""Lists of contacts as the API and the console read them."""

from common.paging import Page, keyset
from contacts.filters import ContactFilter
from contacts.models import Contact


def page_of(asked: ContactFilter, **how: object) -> Page:
    """A page of what a filter asks for, the newest first."""
    return keyset(asked.queryset(), ways=asked.ways, **{"ordering": "-added_at", "size": 200, **how})  # type: ignore[arg-type]


def listed(asked: ContactFilter) -> list[Contact]:
    """The first two hundred."""
    return page_of(asked).rows
