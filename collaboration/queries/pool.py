"""The pool: what people who left had and nobody has taken over yet (O6)."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from common import clock
from common.sql import rows, subquery
from common.tenancy import current_enterprise_id
from contacts.models import Contact, GroupChat
from enterprises.actors import Actor
from enterprises.models import Member


@dataclass(frozen=True)
class Leaver:
    """Somebody who left: how many contacts and living group chats wait, and how many of the contacts are on the way."""

    member: Member
    contacts: int
    groups: int
    under_way: int

    @property
    def left_at(self) -> datetime | None:
        """When they left."""
        return self.member.left_at

    @property
    def days(self) -> int:
        """How many days it has waited."""
        return (clock.now() - self.member.left_at).days if self.member.left_at else 0

    @property
    def open(self) -> int:
        """How many contacts and groups wait for a plan."""
        return self.contacts - self.under_way + self.groups


def pool(actor: Actor, *, member: Member | None = None) -> list[Leaver]:
    """Those who left and whose contacts or groups wait, who waited longest first; as far as the actor sees them."""
    leavers = Member.objects.filter(status=Member.Status.RESIGNED).select_related("department")
    if member is not None:
        leavers = leavers.filter(pk=member.pk)
    gone = {one.pk: one for one in leavers}
    if not gone:
        return []
    visible, params = subquery(Contact.objects.visible_to(actor).values("id"), "visible")
    counted = {
        leaver: (number, under_way)
        for leaver, number, under_way in rows(
            f"""
            SELECT theirs.member, count(*), count(*) FILTER (WHERE EXISTS (
                SELECT FROM collaboration_transferitem AS item WHERE item.enterprise_id = %(enterprise)s
                    AND item.member_id = theirs.member AND item.contact_id = theirs.contact
                    AND item.state = 'waiting'))
            FROM (
                SELECT owner_id, id FROM contacts_contact
                WHERE enterprise_id = %(enterprise)s AND owner_id = ANY (%(gone)s)
                UNION
                SELECT member_id, contact_id FROM contacts_follow
                WHERE enterprise_id = %(enterprise)s AND member_id = ANY (%(gone)s) AND state = 'active'
            ) AS theirs (member, contact)
            WHERE theirs.contact IN ({visible})
            GROUP BY theirs.member
            """,  # noqa: S608 - our own text
            {**params, "enterprise": current_enterprise_id(), "gone": list(gone)},
        )
    }
    seen = GroupChat.objects.visible_to(actor).filter(owner_id__in=list(gone), dismissed_at=None)
    groups = dict(seen.order_by().values_list("owner_id").annotate(number=Count("*")))
    found = [
        Leaver(one, counted.get(pk, (0, 0))[0], groups.get(pk, 0), counted.get(pk, (0, 0))[1])
        for pk, one in gone.items()
        if pk in counted or pk in groups
    ]
    return sorted(found, key=lambda one: (one.left_at or clock.now(), one.member.name, one.member.pk))
