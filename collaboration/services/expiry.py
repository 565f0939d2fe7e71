"""What became of grants whose time is over: told and cleared away. They ended without it, at their moment (O2)."""

from datetime import timedelta

from collaboration.models import Invitation
from collaboration.services import notices
from common import clock
from contacts.models import Contact, Grant
from contacts.rules import Kind
from contacts.services.steps import note
from enterprises import audit
from enterprises.actors import Actor
from enterprises.services import policy

BATCH = 200
_WITH = ("contact__owner", "member")


def clear_expired(actor: Actor) -> int:
    """Tell of up to BATCH expired grants and delete them; returns how many there were."""
    over = Grant.objects.filter(expires_at__lte=clock.now()).order_by("expires_at", "id")
    picked = list(over.values_list("pk", "contact_id")[:BATCH])
    # The lock that whoever renews a grant takes as well; read again behind it.
    contacts = {contact for _grant, contact in picked}
    list(Contact.objects.filter(pk__in=contacts).order_by("id").select_for_update(no_key=True).values_list("pk"))
    grants = list(over.filter(pk__in=[grant for grant, _contact in picked]).select_related(*_WITH))
    for grant in grants:
        assert grant.expires_at is not None
        note(grant.contact, Kind.COLLABORATOR_LEFT, at=grant.expires_at, data={"name": grant.member.name})
        notices.expired(grant)
    Grant.objects.filter(pk__in=[grant.pk for grant in grants]).delete()
    if grants:
        audit.record(actor, "collaborator.expired", subject_type="contact", after={"collaborations": len(grants)})
    return len(picked)


def warn() -> int:
    """Tell of grants that end soon, each term once; returns how many there are."""
    days = policy().collaboration_warning_days
    now = clock.now()
    soon = Grant.objects.filter(expires_at__gt=now, expires_at__lte=now + timedelta(days=days)).select_related(*_WITH)
    count = 0
    for grant in soon.order_by("expires_at", "id").iterator(chunk_size=BATCH):
        notices.ends_soon(grant, days)
        count += 1
    return count


def clear_lapsed() -> int:
    """Delete invitations that can no longer be accepted; returns how many."""
    deleted, _by_model = Invitation.objects.filter(lapses_at__lte=clock.now()).delete()
    return deleted
