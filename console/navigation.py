"""The left menu, in the order of the genre. An entry whose page does not exist (yet) is left out by itself."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from django.urls import NoReverseMatch, resolve, reverse
from django.utils.translation import gettext_lazy as _

from common.errors import Text
from enterprises.actors import Actor


@dataclass(frozen=True)
class Entry:
    """A line of the menu. The permission is the page's own (`Page.permission`), so the two cannot differ;
    `permission` here only narrows it further."""

    label: Text
    icon: str = ""
    url: str = ""
    permission: str | None = None
    children: tuple["Entry", ...] = ()
    # Filled in for a request:
    href: str = ""
    active: bool = False


MENU: tuple[Entry, ...] = (
    Entry(_("Home"), "home", "home"),
    Entry(
        _("Contacts"),
        "address-book",
        children=(
            Entry(_("Contact list"), url="contacts"),
            Entry(_("Tags"), url="tags"),
            Entry(_("Follow-ups"), url="follow-ups"),
            Entry(_("Losses"), url="losses"),
            Entry(_("Inactive contacts"), url="inactive"),
            Entry(_("Hand-over"), url="transfers"),
            Entry(_("Duplicates"), url="radar"),
            Entry(_("Import"), url="imports"),
            Entry(_("Export"), url="exports"),
        ),
    ),
    Entry(_("Group chats"), "messages", "groups"),
    Entry(
        _("Scale"),
        "gauge",
        children=(
            Entry(_("Overview"), url="scale"),
            Entry(_("Packages"), url="packages"),
            Entry(_("Ledger"), url="ledger"),
            Entry(_("Two numbers"), url="platform-number", permission="quota.ledger"),
            Entry(_("Forecast"), url="forecast"),
            # Tells of everybody, as the ledger does.
            Entry(_("Plan"), url="plan", permission="quota.ledger"),
            Entry(_("Team budgets"), url="budgets"),
            Entry(_("Rehearsal"), url="rehearsal"),
            Entry(_("Reply windows"), url="replies"),
        ),
    ),
    Entry(
        _("Upstream and downstream"),
        "affiliate",
        children=(
            Entry(_("Spaces"), url="spaces"),
            Entry(_("Partners"), url="partners"),
            Entry(_("Invitations"), url="invitations"),
            Entry(_("Shares"), url="shares"),
            Entry(_("Messages"), url="space-messages"),
            Entry(_("Spaces we joined"), url="joined-spaces"),
        ),
    ),
    Entry(
        _("Collaboration"),
        "users-group",
        children=(
            Entry(_("My collaborations"), url="collaborations"),
            Entry(_("Collaboration policy"), url="collaboration-policy"),
            Entry(_("Team board"), url="team-board"),
        ),
    ),
    Entry(
        _("Settings"),
        "settings",
        children=(
            Entry(_("Enterprise"), url="enterprise"),
            Entry(_("Departments"), url="departments"),
            Entry(_("Members"), url="members"),
            Entry(_("Roles"), url="roles"),
            Entry(_("Policy"), url="policy"),
            Entry(_("API tokens"), url="tokens"),
            Entry(_("Alerts and webhooks"), url="alerts"),
            Entry(_("Notifications"), url="notifications"),
            Entry(_("Audit trail"), url="audit"),
            Entry(_("Jobs"), url="jobs"),
        ),
    ),
)


@lru_cache(maxsize=256)
def _page(url: str) -> tuple[str, str | None] | None:
    """Address (with a placeholder for the enterprise) and permission of a named page; None when there is none."""
    try:
        address = reverse(url, kwargs={"code": "CODE"})
    except NoReverseMatch:
        return None
    view = getattr(resolve(address).func, "view_class", None)
    return address.replace("/CODE/", "/{code}/", 1), getattr(view, "permission", None)


def address(url: str, code: str) -> str | None:
    """The address of a page by name, or None while it does not exist."""
    found = _page(url)
    return found[0].replace("{code}", code, 1) if found else None


def menu(actor: Actor, path: str) -> tuple[Entry, ...]:
    """What this actor may use, with the entry marked whose address is the longest beginning of `path`."""
    entries = tuple(_visible(MENU, actor))
    best = max((entry.href for entry in _leaves(entries) if _leads_to(entry.href, path, actor)), key=len, default="")
    return tuple(_mark(entry, best) for entry in entries)


def _visible(entries: tuple[Entry, ...], actor: Actor) -> Iterator[Entry]:
    for entry in entries:
        if entry.children:
            if children := tuple(_visible(entry.children, actor)):
                yield replace(entry, children=children)
            continue
        found = _page(entry.url)
        if found and all(actor.may(code) for code in (entry.permission, found[1]) if code):
            yield replace(entry, href=found[0].replace("{code}", actor.enterprise.code, 1))


def _leaves(entries: tuple[Entry, ...]) -> Iterator[Entry]:
    for entry in entries:
        yield from _leaves(entry.children) if entry.children else (entry,)


def _leads_to(href: str, path: str, actor: Actor) -> bool:
    home = f"/e/{actor.enterprise.code}/"
    return path == href if href == home else path.startswith(href)


def _mark(entry: Entry, best: str) -> Entry:
    if entry.children:
        children = tuple(_mark(child, best) for child in entry.children)
        return replace(entry, children=children, active=any(child.active for child in children))
    return replace(entry, active=bool(best) and entry.href == best)
