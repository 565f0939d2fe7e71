"""Who sees whom in a space (U6): one function for every pair, with the reason.

Everybody of ours in the space and everybody of its partners see each other, unless somebody narrowed it:

* a member who is in the space only for some subgroups sees their partners (and those below), nobody else's;
* a correspondence rule joins some of ours with some partners. Whoever any rule names, on either side, corresponds
  with those whom a rule joins them with, and with nobody else.

People of different partners do not see each other unless the space is open; nobody sees into another space.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from common.choices import Choice


class Reason(Choice):
    """Why somebody is seen, or not."""

    DEFAULT = "default", _("Nobody narrowed it: all of ours and all partners see each other")
    RULE = "rule", _("A correspondence rule joins them")
    MANAGES = "manages", _("Manages the space")
    COLLEAGUES = "colleagues", _("Both work here")
    SAME_PARTNER = "same_partner", _("Both belong to the same partner")
    OPEN = "open", _("The space is open: partners see each other")
    NOT_IN_SPACE = "not_in_space", _("Not in this space")
    OTHER_SUBGROUP = "other_subgroup", _("Is in the space only for other subgroups")
    NO_RULE = "no_rule", _("Correspondence rules name them, but none joins them")
    CLOSED = "closed", _("Partners do not see each other here")


@dataclass(frozen=True)
class Decision:
    """Visible or not, why, and by which rule (its place in the list), where one decided."""

    visible: bool
    reason: Reason
    rule: UUID | None = None


@dataclass(frozen=True)
class Ours:
    """A member of ours. `departments`: the own one and all above it. `subgroups`: what narrows them; empty: nothing."""

    id: UUID
    departments: frozenset[UUID] = frozenset()
    subgroups: frozenset[UUID] = frozenset()
    manages: bool = False


@dataclass(frozen=True)
class Theirs:
    """A person of a partner, or the partner itself. `subgroups`: those it is in, and all above them."""

    partner: UUID
    subgroups: frozenset[UUID] = frozenset()
    person: UUID | None = None


@dataclass(frozen=True)
class Rule:
    """Some of ours ↔ some partners."""

    id: UUID
    members: frozenset[UUID] = frozenset()
    departments: frozenset[UUID] = frozenset()
    subgroups: frozenset[UUID] = frozenset()
    partners: frozenset[UUID] = frozenset()

    def names_ours(self, one: Ours) -> bool:
        return one.id in self.members or not self.departments.isdisjoint(one.departments)

    def names_theirs(self, one: Theirs) -> bool:
        return one.partner in self.partners or not self.subgroups.isdisjoint(one.subgroups)


@dataclass(frozen=True)
class World:
    """A space as far as decisions need it. `members` and `partners`: who is in it."""

    members: Mapping[UUID, Ours]
    partners: Mapping[UUID, Theirs]
    rules: tuple[Rule, ...] = ()
    open: bool = False


def decide(world: World, viewer: Ours | Theirs, subject: Ours | Theirs) -> Decision:
    """May `viewer` see, and write to, `subject` in this space? The answer is the same the other way round, but for
    those who manage the space: they see everything, and are seen like everybody else."""
    if not (_inside(world, viewer) and _inside(world, subject)):
        return Decision(False, Reason.NOT_IN_SPACE)
    if isinstance(viewer, Ours):
        if viewer.manages:
            return Decision(True, Reason.MANAGES)
        if isinstance(subject, Ours):
            return Decision(True, Reason.COLLEAGUES)
        return _across(world, viewer, subject)
    if isinstance(subject, Ours):
        return _across(world, subject, viewer)
    if viewer.partner == subject.partner:
        return Decision(True, Reason.SAME_PARTNER)
    return Decision(True, Reason.OPEN) if world.open else Decision(False, Reason.CLOSED)


def _inside(world: World, one: Ours | Theirs) -> bool:
    if isinstance(one, Ours):
        return one.manages or one.id in world.members
    return one.partner in world.partners


def _across(world: World, ours: Ours, theirs: Theirs) -> Decision:
    if ours.subgroups and ours.subgroups.isdisjoint(theirs.subgroups):
        return Decision(False, Reason.OTHER_SUBGROUP)
    named = False
    for rule in world.rules:
        names_ours, names_theirs = rule.names_ours(ours), rule.names_theirs(theirs)
        if names_ours and names_theirs:
            return Decision(True, Reason.RULE, rule.id)
        named = named or names_ours or names_theirs
    return Decision(False, Reason.NO_RULE) if named else Decision(True, Reason.DEFAULT)
