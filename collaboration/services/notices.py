"""What collaboration tells owners and collaborators, each thing once."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext_lazy as _

from collaboration.models import Invitation
from common.errors import Text
from contacts.models import Grant
from enterprises.actors import Actor
from enterprises.models import Member
from jobs.notifications import declare, notify


def _contact(data: dict[str, Any]) -> str:
    return f"contacts/{data['id']}/"


def _mine(_data: dict[str, Any]) -> str:
    return "collaborations/"


# Text, page, what people call it, and whether it is mailed unless somebody says otherwise: what asks for something.
_KINDS: dict[str, tuple[Text, Any, Text, bool]] = {
    "invited": (
        _("%(by)s invites you to collaborate on %(contact)s."),
        _mine,
        _("I am invited to collaborate"),
        True,
    ),
    "joined": (
        _("%(member)s collaborates on %(contact)s now."),
        _contact,
        _("Somebody collaborates on a contact of mine"),
        False,
    ),
    "added": (
        _("You collaborate on %(contact)s now, added by %(by)s."),
        _contact,
        _("I was added as a collaborator"),
        False,
    ),
    "declined": (
        _("%(member)s does not want to collaborate on %(contact)s."),
        _contact,
        _("Somebody declined to collaborate"),
        False,
    ),
    "changed": (
        _("%(by)s changed your level or term at %(contact)s."),
        _contact,
        _("My level or term as a collaborator changed"),
        False,
    ),
    "removed": (
        _("%(by)s ended your collaboration on %(contact)s."),
        _mine,
        _("Somebody ended a collaboration of mine"),
        False,
    ),
    "left": (
        _("%(member)s has left the collaboration on %(contact)s."),
        _contact,
        _("A collaborator has left"),
        False,
    ),
    "ends_soon": (
        _("The collaboration of %(member)s on %(contact)s ends within %(days)s days."),
        _contact,
        _("A collaboration ends soon"),
        True,
    ),
    "expired": (
        _("The collaboration of %(member)s on %(contact)s has ended."),
        _contact,
        _("A collaboration on a contact of mine has ended"),
        False,
    ),
    "yours_expired": (
        _("Your collaboration on %(contact)s has ended."),
        _mine,
        _("A collaboration of mine has ended"),
        False,
    ),
}
for _name, (_text, _page, _label, _mail) in _KINDS.items():
    declare(f"collaboration.{_name}", _text, _page, label=_label, mail=_mail)


def _tell(name: str, members: Iterable[Member | None], about: Grant | Invitation, key: str = "", **more: Any) -> None:
    """Tell the active ones among the members, each once."""
    told = {one.pk: one for one in members if one is not None and one.is_active}
    data = {"contact": str(about.contact), "id": str(about.contact_id), "member": about.member.name, **more}
    notify(told.values(), kind=f"collaboration.{name}", key=f"collaboration.{name}:{about.pk}{key}", data=data)


def _others(actor: Actor, *members: Member | None) -> list[Member | None]:
    return [one for one in members if one is not None and one.pk != actor.member_id]


def invited(actor: Actor, invitation: Invitation) -> None:
    """To the invited."""
    _tell("invited", [invitation.member], invitation, by=actor.label)


def joined(actor: Actor, grant: Grant) -> None:
    """To owner and inviter; to the collaborator when somebody else did it."""
    if grant.member_id != actor.member_id:
        _tell("added", [grant.member], grant, by=actor.label)
    _tell("joined", _others(actor, grant.contact.owner, grant.granted_by), grant)


def declined(actor: Actor, invitation: Invitation) -> None:
    """To owner and inviter."""
    _tell("declined", _others(actor, invitation.contact.owner, invitation.invited_by), invitation)


def changed(actor: Actor, grant: Grant) -> None:
    """To the collaborator; every change anew."""
    _tell("changed", [grant.member], grant, key=f":{grant.level}:{grant.expires_at}", by=actor.label)


def removed(actor: Actor, grant: Grant) -> None:
    """To the collaborator, and to the owner when an admin did it."""
    _tell("removed", [grant.member], grant, by=actor.label)


def left(actor: Actor, grant: Grant) -> None:
    """To the owner."""
    _tell("left", [grant.contact.owner], grant)


def ends_soon(grant: Grant, days: int) -> None:
    """To collaborator and owner, once for each term."""
    _tell("ends_soon", [grant.member, grant.contact.owner], grant, key=f":{grant.expires_at}", days=days)


def expired(grant: Grant) -> None:
    """To owner and collaborator: a grant's time was over."""
    _tell("expired", [grant.contact.owner], grant)
    _tell("yours_expired", [grant.member], grant)
