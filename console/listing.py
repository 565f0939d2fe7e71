"""Lists for people: numbered pages as deep as that is cheap, beyond it previous and next by cursor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from common import paging
from common.errors import Text

SIZES = (20, 50, 100)
DEEPEST_OFFSET = 5_000  # rows that may be skipped by counting; beyond, the cursor costs the same on every page
SHOWN = 2  # page numbers on either side of the present one


@dataclass(frozen=True)
class BulkAction:
    """A button of the bulk bar: posts the selection (`ids`, or `all` with `filter`) to `url`."""

    label: Text
    url: str
    icon: str = "checks"
    danger: bool = False
    disabled: Text = ""  # why not, and what would help
    key: str = ""  # keyboard shortcut


@dataclass(frozen=True)
class PageLink:
    """A page number; a gap has no address."""

    number: int | None
    url: str
    present: bool = False


class Listing:
    """One page of a queryset as the query string asks for it: page or cursor, page_size, ordering.

    `orderings` maps each field that has an index to its label (or is a sequence of fields); others are not
    offered, and an unknown one in the address means the default. Ordered columns must not be null.
    Costs two queries: the rows (evaluated on first use) and the count. `ways`: see `paging.Keyset`.
    """

    def __init__(
        self,
        request: HttpRequest,
        queryset: QuerySet,
        *,
        ordering: str = "-id",
        orderings: Mapping[str, Text] | Sequence[str] = (),
        sizes: Sequence[int] = SIZES,
        size: int = 50,
        counted: paging.Count | None = None,
        ways: paging.Ways | None = None,
    ) -> None:
        self.request = request
        self.queryset = queryset
        self._ways = ways
        self.sizes = sizes
        self._orderings = tuple(orderings)
        asked = request.GET.get("ordering", "")
        self.ordering = asked if asked.removeprefix("-") in self._orderings else ordering
        asked = request.GET.get("page_size", "")
        self.size = int(asked) if asked in {str(one) for one in sizes} else size
        self._counted = counted
        self.cursor = request.GET.get("cursor", "")
        asked = request.GET.get("page", "1")
        number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 9 else 1
        # Deeper than numbers go: the deepest numbered page, from which "next" goes on.
        self.number: int | None = None if self.cursor else max(1, min(number, self.deepest))

    # --- What is shown ------------------------------------------------------------------------------------

    @property
    def rows(self) -> list[Any]:
        return self._page.rows

    @cached_property
    def count(self) -> paging.Count:
        """How many rows match: exact up to 10 000, then estimated and marked so."""
        return self._counted or paging.count(self.queryset)

    @property
    def first(self) -> int | None:
        """The number of the first row on the page; None beyond the numbered pages."""
        return (self.number - 1) * self.size + 1 if self.number and self.rows else None

    @property
    def last(self) -> int | None:
        return self.first + len(self.rows) - 1 if self.first else None

    # --- Where one can go ---------------------------------------------------------------------------------

    @property
    def deepest(self) -> int:
        """The last page that has a number, as far as the cost goes."""
        return DEEPEST_OFFSET // self.size + 1

    @cached_property
    def last_number(self) -> int:
        """The last page that can be jumped to."""
        if self.number and not self._page.next:
            return self.number
        pages = -(-self.count.value // self.size) if self.count.exact else self.deepest
        return max(1, min(pages, self.deepest))

    @property
    def next_url(self) -> str | None:
        if not self._page.next:
            return None
        if self.number and self.number < self.deepest:
            return self.url(page=self.number + 1)
        return self.url(cursor=self._page.next)

    @property
    def previous_url(self) -> str | None:
        if self.number:
            return self.url(page=self.number - 1) if self.number > 1 else None
        return self.url(cursor=self._page.previous) if self._page.previous else None

    @property
    def links(self) -> list[PageLink]:
        """1 … 4 [5] 6 … 101."""
        here, end = self.number or 0, self.last_number
        near = range(max(1, here - SHOWN), min(end, here + SHOWN) + 1) if here else ()
        wanted = sorted({1, end, *near})
        links: list[PageLink] = []
        before = 0
        for number in wanted:
            if number - before > 1:
                links.append(PageLink(None, ""))
            links.append(PageLink(number, self.url(page=number), number == here))
            before = number
        return links

    @property
    def several(self) -> bool:
        """Is there more than this page?"""
        return bool(self._page.next) or self.number != 1

    @property
    def jumps(self) -> bool:
        """Are there so many numbered pages that some have no link?"""
        return any(link.number is None for link in self.links)

    @property
    def other_params(self) -> list[tuple[str, str]]:
        """What a form that goes to another page has to send along."""
        return [
            (name, value)
            for name, values in self.request.GET.lists()
            for value in values
            if name not in ("page", "cursor") and value
        ]

    @property
    def first_url(self) -> str | None:
        """The beginning, for somebody on a page behind the end of the list."""
        return self.url(page=1) if self.number and self.number > 1 and not self.rows else None

    def url(self, **changes: Any) -> str:
        """This list's address with some parameters changed; a change of anything but the place starts at 1."""
        query = self.request.GET.copy()
        for name in ("page", "cursor"):
            query.pop(name, None)
        for name, value in changes.items():
            query[name] = str(value)
        if query.get("page") == "1":
            del query["page"]
        text = query.urlencode()
        return f"?{text}" if text else self.request.path

    # --- Sorting, sizes, selection ------------------------------------------------------------------------

    def sortable(self, field: str) -> bool:
        return field in self._orderings

    def sort_url(self, field: str) -> str:
        """Descending first; a second click turns it round."""
        return self.url(ordering=field if self.ordering == f"-{field}" else f"-{field}")

    @property
    def size_links(self) -> list[tuple[int, str, bool]]:
        return [(size, self.url(page_size=size), size == self.size) for size in self.sizes]

    @property
    def filter_query(self) -> str:
        """The filters of this list without its place: what "all N matching" means."""
        query = self.request.GET.copy()
        for name in ("page", "cursor", "page_size", "ordering", "columns"):
            query.pop(name, None)
        return query.urlencode()

    # --- The page -----------------------------------------------------------------------------------------

    @cached_property
    def _page(self) -> paging.Page:
        return paging.keyset(
            self.queryset,
            ordering=self.ordering,
            size=self.size,
            cursor=self.cursor,
            start=(self.number - 1) * self.size if self.number else 0,
            ways=self._ways,
        )
