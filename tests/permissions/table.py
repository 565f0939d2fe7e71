"""Every route and who may use it: one row for each route and method. A route without a row fails the test.

`{contact}` in a path is the id of the world's contact, and says whom it is visible to (`SEEN_BY`). Who lacks the
permission code gets 403, who does not see the thing 404, everybody else the row's status. `but` names exceptions.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from contacts.rules import Level, Right
from tests.permissions.world import OURS, World

Body = dict[str, Any] | Callable[[World], dict[str, Any]] | None
EVERYBODY = frozenset(OURS)

SEEN_BY = {
    "contact": frozenset({"viewer", "editor", "follower", "owner", "graded_in", "admin"}),
    "follow_up": frozenset({"viewer", "editor", "follower", "owner", "graded_in", "admin"}),
    "archived": frozenset({"viewer", "editor", "owner", "graded_in", "admin"}),
    "invitation": frozenset({"staff"}),
    "clean_up": frozenset({"owner", "graded_in", "admin"}),
    "group": frozenset({"owner", "graded_in", "admin"}),
    "job": frozenset({"admin"}),
    "open_job": frozenset({"admin"}),
    "failed_job": frozenset({"admin"}),
    "notification": frozenset({"admin"}),
    "token": frozenset({"admin"}),
    "budget": frozenset({"owner", "graded_in", "admin"}),
    "loan": frozenset({"owner", "graded_in", "admin"}),
    "lent": frozenset({"owner", "graded_in", "admin"}),
    **dict.fromkeys(("duplicate", "settled_duplicate"), frozenset({"follower", "owner", "graded_in", "admin"})),
    **dict.fromkeys(("transfer", "inheritance_rule"), frozenset({"graded_in", "admin"})),
    "stopped": frozenset({"owner", "graded_in", "admin"}),
    "chat": frozenset({"follower", "graded_in", "admin"}),
    "empty_space": frozenset({"admin"}),
    **dict.fromkeys(("message", "sending_message", "stopped_message"), frozenset({"graded_in", "admin"})),
    **dict.fromkeys(("link", "personal", "application"), frozenset({"graded_in", "admin"})),
    **dict.fromkeys(
        ("share", "space", "subgroup", "empty_subgroup", "partner", "other_partner", "seat", "rule", "space_member"),
        frozenset({"follower", "graded_in", "admin"}),
    ),
}


# What each persona is to the world's contacts. The table of rights says what that gives.
LEVELS = {
    "viewer": frozenset({Level.VIEWER}),
    "editor": frozenset({Level.EDITOR}),
    "follower": frozenset({Level.FOLLOWER}),
    "owner": frozenset({Level.OWNER}),
    "graded_in": frozenset({Level.ADMIN}),
    "admin": frozenset({Level.ADMIN}),
}


@dataclass(frozen=True)
class Row:
    """A method of a route. `ok`: what those get who may (a tuple when it depends on the page's form).

    `needs`: a permission code, or a right at the contact, which is a code and the levels that it takes.
    """

    method: str
    path: str
    needs: Right | str | None = None
    ok: int | tuple[int, ...] = 200
    body: Body = None
    but: dict[str, int] = field(default_factory=dict)
    public: bool = False
    multipart: bool = False
    # The page itself needs less; the code is asked for where the thing was found already: 404 before 403.
    late: bool = False

    @property
    def kinds(self) -> list[str]:
        """The kinds of things that the path names."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    @property
    def route(self) -> tuple[str, str]:
        """Method and path without names, for comparing with the resolver."""
        return self.method, "/".join("{}" if part.startswith("{") else part for part in self.path.split("/"))

    def seen_by(self, persona: str) -> bool:
        """Do the things in the path exist for this member?"""
        return all(persona in SEEN_BY.get(kind, EVERYBODY) for kind in self.kinds)

    def allowed(self, persona: str, codes: frozenset[str]) -> tuple[int, ...]:
        """What a member of the enterprise may get."""
        if persona in self.but:
            return (self.but[persona],)
        lacks = self.code is not None and self.code not in codes
        unseen = not self.seen_by(persona)
        if lacks and not (self.late and unseen):
            return (403,)
        if unseen:
            return (404,)
        return self.good if self.level_suffices(persona) else (403,)

    @property
    def code(self) -> str | None:
        """The permission code that the role must have."""
        return self.needs.code if isinstance(self.needs, Right) else self.needs

    def level_suffices(self, persona: str) -> bool:
        """Is what the persona is to the world's contact enough (O1, O2)? For rows that need a `Right`."""
        return not isinstance(self.needs, Right) or self.needs.given_by(LEVELS[persona])

    @property
    def good(self) -> tuple[int, ...]:
        """What those get who may."""
        return self.ok if isinstance(self.ok, tuple) else (self.ok,)

    def content(self, world: World) -> dict[str, Any]:
        """The body for a world."""
        return self.body(world) if callable(self.body) else (self.body or {})

    @property
    def names_things(self) -> bool:
        """Does the body name things of the world?"""
        return callable(self.body)
