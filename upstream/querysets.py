"""Who may see which space, partner and person; and how they are found (U5, U6)."""

from typing import TYPE_CHECKING, Self

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, Q
from django.db.models.expressions import RawSQL

from common import clock
from common.tenancy import TenantQuerySet
from contacts.models import Contact
from upstream.rules import names

if TYPE_CHECKING:
    from enterprises.actors import Actor


def manages(actor: "Actor") -> bool:
    """Does the actor see everybody in the spaces that exist for them, whatever the correspondence rules say?"""
    return actor.sees_all or actor.may("spaces.manage")


def _seen_partners(actor: "Actor") -> RawSQL:
    return RawSQL("SELECT upstream_seen_partners(%s)", (actor.member_id,))


class SpaceQuerySet(TenantQuerySet):
    """Adds `visible_to`."""

    def visible_to(self, actor: "Actor") -> Self:
        """The spaces that exist for this actor: all, or those that they are in (U6)."""
        if actor.sees_all:
            return self
        seats = RawSQL(
            "SELECT space_id FROM upstream_spacemember WHERE enterprise_id = %s AND member_id = %s",
            (actor.enterprise.pk, actor.member_id),
        )
        return self.filter(id__in=seats)


class PartnerQuerySet(TenantQuerySet):
    """Adds `visible_to` and `search`."""

    def visible_to(self, actor: "Actor") -> Self:
        """The partners that exist for this actor; the same answer as `rules.visibility.decide`."""
        if actor.sees_all:
            return self
        if actor.may("spaces.manage"):
            from upstream.models import Space

            return self.filter(space_id__in=Space.objects.visible_to(actor).values("id"))
        return self.filter(id__in=_seen_partners(actor))

    def search(self, text: str) -> Self:
        """Partners whose name, short name or alias contains `text`, as written, in pinyin or by initials."""
        wanted = names.key(text)
        return self.filter(found_by__contains=wanted) if wanted else self


class PartnerContactQuerySet(TenantQuerySet):
    """Adds `visible_to` and `search`."""

    def visible_to(self, actor: "Actor") -> Self:
        """The people of the partners that exist for this actor."""
        if actor.sees_all:
            return self
        from upstream.models import Partner

        return self.filter(partner_id__in=Partner.objects.visible_to(actor).values("id"))

    def search(self, text: str) -> Self:
        """People whose name begins with `text`, as written, in pinyin or by initials; or whose phone it is."""
        from upstream.models import Person

        wanted = names.key(text)
        if not wanted:
            return self
        found = Q(name__prefix=names.tidy(text)) | Q(pinyin__prefix=wanted) | Q(initials__prefix=wanted)
        return self.filter(person_id__in=Person.objects.filter(found | Q(phone=names.phone(text) or "-")).values("id"))


class SpaceChatQuerySet(TenantQuerySet):
    """Adds `visible_to`."""

    def visible_to(self, actor: "Actor") -> Self:
        """Group chats of the spaces that exist for the actor: all for who manages, else those one is in (U6, U10)."""
        from upstream.models import ChatSeat, Space

        if actor.sees_all:
            return self
        found = self.filter(space__in=Space.objects.visible_to(actor).values("id"))
        if actor.may("spaces.manage"):
            return found
        return found.filter(pk__in=ChatSeat.objects.filter(member_id=actor.member_id).values("chat_id"))


class InvitationQuerySet(TenantQuerySet):
    """Adds `visible_to` and `working`."""

    def visible_to(self, actor: "Actor") -> Self:
        """Invitations into spaces that exist for the actor: all of them for who manages, else one's own."""
        from upstream.models import Space

        if actor.sees_all:
            return self
        spaces = Space.objects.visible_to(actor)
        into = Q(space__in=spaces.values("id")) | Q(series__in=spaces.exclude(series=None).values("series"))
        found = self.filter(into)
        return found if actor.may("spaces.manage") else found.filter(created_by_id=actor.member_id)

    def working(self) -> Self:
        """Those by which somebody can still come in."""
        room = Q(max_uses=None) | Q(uses__lt=F("max_uses"))
        return self.filter(room, revoked_at=None, expires_at__gt=clock.now())


class InviteeQuerySet(TenantQuerySet):
    """Adds `visible_to`."""

    def visible_to(self, actor: "Actor") -> Self:
        """Invited customers whom the actor sees: all of their invitations, else those they invite themselves."""
        from upstream.models import Invitation

        if actor.sees_all:
            return self
        found = self.filter(contact_id__in=Contact.objects.visible_to(actor).values("id"))
        if actor.may("spaces.manage"):
            return found.filter(invitation__in=Invitation.objects.visible_to(actor).values("id"))
        return found.filter(inviter_id=actor.member_id)


class MessageQuerySet(TenantQuerySet):
    """Adds `visible_to`."""

    def visible_to(self, actor: "Actor") -> Self:
        """All messages; one's own; and for who manages spaces those that go only into spaces that they see."""
        from upstream.models import Space

        if actor.sees_all:
            return self
        seen = Q(created_by_id=actor.member_id)
        if actor.may("spaces.manage"):
            spaces = ArraySubquery(Space.objects.visible_to(actor).order_by().values("id"))
            seen |= Q(space_ids__contained_by=spaces) & ~Q(space_ids=[])
        return self.filter(seen)
