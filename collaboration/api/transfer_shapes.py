"""The shapes of hand-over: bodies, documents, and how they are written."""

from typing import Any

from rest_framework import serializers

from collaboration.models import InheritanceRule, Transfer, TransferItem
from collaboration.queries.pool import Leaver
from collaboration.rules.transfers import Kind, Reason, Split, State
from collaboration.services import transfers as services
from common.rest import Body
from contacts.rules import Grade
from enterprises.api.shapes import Moment, Named

_RESULTS = [(state.value, state.label) for state in State if state is not State.WAITING]


class PartBody(Body):
    takers = serializers.ListField(child=serializers.UUIDField(), required=False, help_text="Members, 1 to 100.")
    department = serializers.UUIDField(
        required=False, allow_null=True, help_text="Instead of takers: the active members of it and below."
    )
    grade = serializers.ChoiceField(
        Grade.choices(), required=False, allow_null=True, help_text="Only contacts of this value grade."
    )
    tag = serializers.UUIDField(required=False, allow_null=True, help_text="Only contacts with this tag.")


class PlanBody(Body):
    """Parts in their order: a contact goes to the first that it fits. A part without a condition fits everybody."""

    parts = PartBody(many=True)
    split = serializers.ChoiceField(
        Split.choices(), required=False, help_text="How a part is spread over its takers: even (default) or room."
    )
    groups = serializers.BooleanField(required=False, help_text="Group chats go along (default).")


class OrderBody(Body):
    member = serializers.UUIDField(
        required=False,
        help_text="Whose contacts: somebody who left, or an active member. Left out with ids or filter: the contacts of"
        " their owners; owners hand over their own in this way.",
    )
    plan = PlanBody()
    message = serializers.CharField(
        required=False, allow_blank=True, max_length=200, help_text="On the job: what the contacts are told."
    )
    ids = serializers.ListField(child=serializers.UUIDField(), required=False, help_text="Only these contacts.")
    filter = serializers.DictField(required=False, help_text="Only these, as in the list of contacts.")


class CountsShape(serializers.Serializer):
    """How many are in which state; states without any are left out."""

    waiting = serializers.IntegerField(required=False)
    done = serializers.IntegerField(required=False)
    refused = serializers.IntegerField(required=False)
    taker_full = serializers.IntegerField(required=False)
    failed = serializers.IntegerField(required=False)


class PlanShape(serializers.Serializer):
    parts = PartBody(many=True)
    split = serializers.ChoiceField(Split.choices())
    groups = serializers.BooleanField()


class TransferShape(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(Kind.choices())
    member = Named(allow_null=True, help_text="Null: contacts of several owners; the items say whose.")
    by = Named(allow_null=True, help_text="Null: a saved plan, by itself.")
    plan = PlanShape()
    message = serializers.CharField()
    contacts = CountsShape()
    groups = CountsShape()
    created_at = Moment()
    finished_at = Moment(allow_null=True, help_text="Null while something waits.")


class ItemShape(serializers.Serializer):
    id = serializers.UUIDField()
    contact = Named(allow_null=True)
    group = Named(allow_null=True)
    member = Named(help_text="Whose it is.")
    taker = Named()
    state = serializers.ChoiceField(State.choices())
    reason = serializers.ChoiceField([("", ""), *Reason.choices()])
    detail = serializers.CharField(help_text="The reason in the caller's language.")
    blocked_until = serializers.DateField(allow_null=True)
    batch = serializers.IntegerField(allow_null=True)
    attempt = serializers.IntegerField()
    due_at = Moment(allow_null=True, help_text="When it takes effect unless the contact declines.")
    settled_at = Moment(allow_null=True)


class BlockedShape(serializers.Serializer):
    until = serializers.DateField()
    contacts = serializers.IntegerField()


class GiverShape(serializers.Serializer):
    member = Named()
    contacts = serializers.IntegerField()


class TeamShape(serializers.Serializer):
    team = serializers.CharField()
    places = serializers.IntegerField()
    served = serializers.IntegerField()
    gain = serializers.IntegerField(help_text="Served contacts that come into the team.")
    over = serializers.IntegerField(help_text="How many more than the budget that makes; it is not refused.")


class ShareShape(serializers.Serializer):
    member = Named()
    contacts = serializers.IntegerField()
    groups = serializers.IntegerField()
    room = serializers.IntegerField(help_text="How many customers more they could have before this.")


class PreviewShape(serializers.Serializer):
    total = serializers.IntegerField()
    ready = serializers.IntegerField()
    excluded = serializers.DictField(child=serializers.IntegerField(), help_text="By the code of the reason.")
    blocked = BlockedShape(many=True, help_text="Handed over too often: how many are free again on which day.")
    unmatched = serializers.IntegerField(help_text="Fit no part; they stay where they are.")
    full = serializers.IntegerField(help_text="Find no room with their takers.")
    groups = serializers.IntegerField()
    by_grade = serializers.DictField(child=serializers.IntegerField())
    by_owner = GiverShape(many=True)
    shares = ShareShape(many=True)
    teams = TeamShape(many=True, help_text="Team budgets that gain by it.")


class AgainBody(Body):
    taker = serializers.UUIDField(required=False, help_text="Somebody else this time.")
    items = serializers.ListField(
        child=serializers.UUIDField(), required=False, min_length=1, max_length=10_000, help_text="Only these."
    )


class ResultBody(Body):
    item = serializers.UUIDField()
    state = serializers.ChoiceField(_RESULTS)


class ResultsBody(Body):
    results = ResultBody(many=True, min_length=1, max_length=1000)


class RecordedShape(serializers.Serializer):
    recorded = serializers.IntegerField(help_text="How many were still waiting.")


class LeaverShape(serializers.Serializer):
    member = Named()
    department = Named(allow_null=True)
    left_at = Moment(allow_null=True)
    days = serializers.IntegerField()
    contacts = serializers.IntegerField()
    groups = serializers.IntegerField()
    under_way = serializers.IntegerField(help_text="Contacts that are being handed over.")


class PoolShape(serializers.Serializer):
    results = LeaverShape(many=True)


class RuleBody(Body):
    department = serializers.UUIDField(allow_null=True, help_text="Null: the whole enterprise.")
    plan = PlanBody()
    enabled = serializers.BooleanField(required=False)


class RuleShape(serializers.Serializer):
    id = serializers.UUIDField()
    department = Named(allow_null=True)
    plan = PlanShape()
    enabled = serializers.BooleanField()


class RulesShape(serializers.Serializer):
    results = RuleShape(many=True)


def named(row: Any) -> dict[str, Any] | None:
    """Something else, by id and name."""
    return {"id": row.pk, "name": str(row)} if row is not None else None


def represent(transfer: Transfer) -> dict[str, Any]:
    """A hand-over as the API shows it."""
    return {
        "id": transfer.pk,
        "kind": transfer.kind,
        "member": named(transfer.member),
        "by": named(transfer.by),
        "plan": transfer.plan,
        "message": transfer.message,
        "contacts": transfer.contacts,
        "groups": transfer.groups,
        "created_at": transfer.created_at,
        "finished_at": transfer.finished_at,
    }


def represent_item(item: TransferItem) -> dict[str, Any]:
    """One contact or group of a hand-over."""
    return {
        "id": item.pk,
        "contact": named(item.contact),
        "group": named(item.group),
        "member": named(item.member),
        "taker": named(item.taker),
        "state": item.state,
        "reason": item.reason,
        "detail": item.explanation,
        "blocked_until": item.blocked_until,
        "batch": item.batch,
        "attempt": item.attempt,
        "due_at": item.due_at,
        "settled_at": item.settled_at,
    }


def represent_preview(found: services.Preview) -> dict[str, Any]:
    """What would happen, in numbers."""
    return {
        "total": found.total,
        "ready": found.ready,
        "excluded": found.excluded,
        "blocked": [{"until": until, "contacts": number} for until, number in found.blocked],
        "unmatched": found.unmatched,
        "full": found.full,
        "groups": found.groups,
        "by_grade": found.by_grade,
        "by_owner": [{"member": named(owner), "contacts": number} for owner, number in found.owners],
        "teams": [
            {"team": one.team, "places": one.places, "served": one.served, "gain": one.gain, "over": one.over}
            for one in found.teams
        ],
        "shares": [
            {"member": named(one.member), "contacts": one.contacts, "groups": one.groups, "room": one.room}
            for one in found.shares
        ],
    }


def represent_leaver(leaver: Leaver) -> dict[str, Any]:
    """Somebody who left."""
    return {
        "member": named(leaver.member),
        "department": named(leaver.member.department),
        "left_at": leaver.left_at,
        "days": leaver.days,
        "contacts": leaver.contacts,
        "groups": leaver.groups,
        "under_way": leaver.under_way,
    }


def represent_rule(rule: InheritanceRule) -> dict[str, Any]:
    """A saved plan."""
    return {"id": rule.pk, "department": named(rule.department), "plan": rule.plan, "enabled": rule.enabled}
