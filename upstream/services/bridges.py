"""Connections between a partner and the enterprise of this installation that it is (decision 0014).

The upstream makes a code for a partner, somebody of the downstream redeems it, either ends it. What a side does is
exact on both in the same transaction; that it stands in the other's audit trail, and that its people are told, follows
in the other's own scope (`follow`): at once by a task, and every day for what got lost.
"""

import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from common import clock, throttle
from common.errors import Conflict, Invalid
from common.ids import short_code
from common.sql import insert, rows
from enterprises import audit
from enterprises.access import enterprise_id_of
from enterprises.actors import Actor
from enterprises.models import Enterprise, Member
from enterprises.services import policy
from jobs.notifications import declare, notify, super_admins
from upstream.models import Bridge, EndedBy, JoinedSpace, Partner, ShareOpen
from upstream.queries import bridges as queries

SECRET = 24  # characters of 28: nobody guesses it
_TRIES, _HOUR = 20, 3600

declare(
    "upstream.bridge_joined",
    _("%(enterprise)s connected itself as your partner “%(partner)s”"),
    lambda d: f"partners/{d['id']}/",
    label=_("A partner's enterprise connected itself"),
)
declare(
    "upstream.bridge_left",
    _("%(enterprise)s is not connected as your partner “%(partner)s” any more"),
    lambda d: f"partners/{d['id']}/",
    label=_("A partner's enterprise ended the connection"),
)
declare(
    "upstream.bridge_ended",
    _("%(enterprise)s ended your connection with its space “%(space)s”"),
    lambda _data: "joined-spaces/",
    label=_("A space that we joined ended the connection"),
)


# --- The upstream -----------------------------------------------------------------------------------------


def offer(actor: Actor, *, partner: Partner) -> tuple[Bridge, str]:
    """A code by which the partner's own enterprise can connect itself, once; codes before it stop working.

    Returned with its text, which is kept nowhere. Raises Conflict `connected`.
    """
    actor.require("spaces.manage")
    live = _live(partner)
    if live is not None and live.peer_id is not None:
        raise Conflict(
            _("This partner is connected with an enterprise already. End that connection first."), code="connected"
        )
    if live is not None:
        _end(live)
    code = f"{actor.enterprise.code}-{short_code(SECRET)}"
    until = clock.now() + timedelta(days=policy().bridge_days)
    bridge = Bridge(partner=partner, digest=_digest(code), created_by=actor.member, expires_at=until)
    if not insert(bridge, unless_there=True):
        raise Conflict(_("Somebody else made a code for this partner at the same moment."), code="offered")
    audit.record(actor, "bridge.offered", bridge, after={"until": until.isoformat()})
    return bridge, code


def end(actor: Actor, *, partner: Partner) -> None:
    """End the connection, or the code that nobody redeemed: at once it shows nothing. Twice changes nothing."""
    actor.require("spaces.manage")
    live = _live(partner)
    if live is not None:
        _end(live)
        audit.record(actor, "bridge.ended", live, before={"enterprise": _name(live)})


def carry(actor: Actor, *, partner: Partner, into: Partner) -> None:
    """Two partners are one: the connection goes along, unless the other one has its own; then it ends."""
    live = _live(partner)
    if live is None:
        return
    other = _live(into)
    if other is not None and other.peer_id is None and live.peer_id is not None:
        _end(other)
        audit.record(actor, "bridge.ended", other)
        other = None
    if other is None:
        Bridge.objects.filter(pk=live.pk).update(partner=into)


def forget(actor: Actor, *, partner: Partner) -> None:
    """The partner is about to be deleted, and its connections with it."""
    end_of = _live(partner)
    if end_of is not None:
        _end(end_of)
        audit.record(actor, "bridge.ended", end_of, before={"enterprise": _name(end_of)})
    ShareOpen.objects.filter(bridge__partner=partner).delete()
    Bridge.objects.filter(partner=partner).delete()


def _live(partner: Partner) -> Bridge | None:
    locked = Bridge.objects.select_for_update(no_key=True, of=("self",)).select_related("peer", "partner")
    return locked.filter(partner=partner, ended_at=None).first()


def _end(bridge: Bridge) -> None:
    """Ours to end: its row is locked."""
    bridge.ended_at, bridge.ended_by = clock.now(), EndedBy.UPSTREAM
    bridge.save(update_fields=["ended_at", "ended_by"])
    if bridge.peer_id is not None:
        _tell(bridge.peer_id)


def _name(bridge: Bridge) -> str:
    return bridge.peer.name if bridge.peer else ""


# --- The downstream ---------------------------------------------------------------------------------------


def join(actor: Actor, *, code: str) -> JoinedSpace:
    """Redeem a code: our enterprise is connected with the space as the partner that the code is for.

    Raises Invalid `code_invalid`, the same for unknown, used, expired and withdrawn codes, `own_code`; TooOften.
    """
    actor.require("spaces.manage")
    throttle.consume("bridge", str(actor.enterprise.pk), limit=_TRIES, seconds=_HOUR)
    code = code.strip().lower()
    host_id = enterprise_id_of(code.rpartition("-")[0])
    if host_id == actor.enterprise.pk:
        raise Invalid({"code": [_("This code is from your own enterprise. Send it to your partner.")]}, code="own_code")
    now = clock.now()
    found = rows("SELECT * FROM bridge_join(%s, %s, %s)", (host_id, _digest(code), now)) if host_id else []
    if not found:
        raise Invalid(
            {"code": [_("This code does not work. Please ask your business partner for a new one.")]},
            code="code_invalid",
        )
    assert host_id is not None
    bridge, space, partner = found[0]
    joined = JoinedSpace(
        host=Enterprise.objects.get(pk=host_id),
        bridge=bridge,
        space_name=space,
        partner_name=partner,
        joined_by=actor.member,
        joined_at=now,
    )
    insert(joined)
    after = {"enterprise": joined.host.name, "space": space, "partner": partner}
    audit.record(actor, "joined_space.joined", joined, after=after)
    _tell(host_id)
    return joined


def leave(actor: Actor, *, joined: JoinedSpace) -> JoinedSpace:
    """End the connection from our side. Twice changes nothing."""
    actor.require("spaces.manage")
    now = clock.now()
    if _close(joined, EndedBy.DOWNSTREAM):
        rows("SELECT * FROM bridge_leave(%s, %s, %s)", (joined.host_id, joined.bridge, now))
        audit.record(actor, "joined_space.left", joined, before={"enterprise": joined.host.name})
        _tell(joined.host_id)
    joined.refresh_from_db()
    return joined


def _close(joined: JoinedSpace, by: EndedBy) -> int:
    return JoinedSpace.objects.filter(pk=joined.pk, ended_at=None).update(ended_at=clock.now(), ended_by=by)


def open_share(actor: Actor, *, joined: JoinedSpace, share: UUID) -> queries.SharedItem | None:
    """Something that is shared with us; the other enterprise counts that ours opened it. None when there is no such
    thing, any more. Who looks through somebody's eyes is not counted."""
    actor.require("spaces.view")
    found = queries.shared_item(joined, share)
    if found is not None and actor.looking is None:
        asked = {"wanted": joined.pk, "share": share, "now": clock.now()}
        rows("SELECT joined_share_opened(%(wanted)s, %(share)s, %(now)s)", asked)
    return found


# --- What the other side did ------------------------------------------------------------------------------


def follow(enterprise: Enterprise) -> dict[str, int]:
    """Write down what others did to the connections of the enterprise in scope, and tell its people; once each."""
    actor = Actor.system(enterprise)
    return {"upstream": _hear_downstream(actor), "downstream": _hear_upstream(actor)}


def _hear_downstream(actor: Actor) -> int:
    heard = 0
    left = Q(heard=Bridge.HEARD_JOIN, ended_by=EndedBy.DOWNSTREAM)
    unheard = Bridge.objects.exclude(peer=None).filter(Q(heard="") | left).select_related("peer", "partner")
    for bridge in unheard.order_by("joined_at", "id"):
        about = {"enterprise": _name(bridge), "partner": bridge.partner.name, "id": str(bridge.partner_id)}
        if Bridge.objects.filter(pk=bridge.pk, heard="").update(heard=Bridge.HEARD_JOIN):
            audit.record(actor, "bridge.joined", bridge, after={"enterprise": _name(bridge)})
            _notify(bridge.created_by_id, kind="upstream.bridge_joined", key=bridge.pk, data=about)
            heard += 1
        if Bridge.objects.filter(left, pk=bridge.pk).update(heard=Bridge.HEARD_END):
            audit.record(actor, "bridge.left", bridge, before={"enterprise": _name(bridge)})
            _notify(bridge.created_by_id, kind="upstream.bridge_left", key=bridge.pk, data=about)
            heard += 1
    return heard


def _hear_upstream(actor: Actor) -> int:
    heard = 0
    standing = list(JoinedSpace.objects.filter(ended_at=None).select_related("host"))
    # Read after our own rows: what is joined meanwhile is not among them.
    open_still = {pk for (pk,) in rows("SELECT joined FROM joined_spaces()")} if standing else set()
    for joined in standing:
        if joined.pk in open_still or not _close(joined, EndedBy.UPSTREAM):
            continue
        about = {"enterprise": joined.host.name, "space": joined.space_name}
        audit.record(actor, "joined_space.ended", joined, before={"enterprise": joined.host.name})
        _notify(joined.joined_by_id, kind="upstream.bridge_ended", key=joined.pk, data=about)
        heard += 1
    return heard


def _notify(who: UUID | None, *, kind: str, key: UUID, data: dict[str, Any]) -> None:
    """Super admins, and whoever began it."""
    told = {member.pk: member for member in super_admins()}
    told |= {member.pk: member for member in Member.objects.filter(pk=who, status=Member.Status.ACTIVE)}
    notify(told.values(), kind=kind, key=f"{kind}:{key}", data=data)


def _tell(enterprise_id: UUID) -> None:
    """Let the other side follow once this transaction has committed."""
    from upstream.tasks import follow_bridges  # the worker's side of the same coin

    transaction.on_commit(lambda: follow_bridges.delay(str(enterprise_id)), robust=True)


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
