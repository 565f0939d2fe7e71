"""View as: a super admin looks through a member's eyes, to see what they see and why (O5). Read-only, audited."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from common.errors import Forbidden
from common.sql import execute
from enterprises import audit, permissions
from enterprises.actors import Actor
from enterprises.models import Member

SAFE = ("GET", "HEAD", "OPTIONS")


def may_look(actor: Actor) -> bool:
    """Super admins only, and through their own eyes: nobody looks through somebody who looks through another."""
    member = actor.member
    return member is not None and member.role.builtin == permissions.SUPER_ADMIN_ROLE and actor.looking is None


def may_look_as(actor: Actor, member: Member) -> bool:
    """Other super admins see the same; who left or is locked out sees nothing."""
    return may_look(actor) and member.is_active and member.role.builtin != permissions.SUPER_ADMIN_ROLE


def begin(actor: Actor, *, member: Member) -> None:
    """Write down that the actor starts to look through this member's eyes. Raises Forbidden for who may not."""
    if not may_look(actor):
        raise Forbidden()
    if not may_look_as(actor, member):
        raise Forbidden(_("Only the eyes of active members who are no super admins show something else."))
    audit.record(actor, "member.viewed_as", member)


def through(actor: Actor, member_id: Any) -> Actor | None:
    """The member as the actor, looked through; None when this is not (or no longer) possible."""
    if not may_look(actor) or not isinstance(member_id, (str, UUID)):
        return None
    member = Member.objects.select_related("role").filter(pk=member_id).first()
    if member is None or not may_look_as(actor, member):
        return None
    return replace(actor, member=member, label=member.name, looking=actor.member)


def only_read(method: str | None) -> None:
    """Refuse everything that changes something; whatever slips through, the database refuses."""
    if method not in SAFE:
        raise Forbidden(_("You look through somebody else's eyes: nothing can be changed."), code="view_as_read_only")
    execute("SET TRANSACTION READ ONLY")
