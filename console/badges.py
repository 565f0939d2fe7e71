"""The words and colours of states, once for every page: `{% badge "status" contact.status %}`."""

from enum import Enum
from typing import Any

from collaboration.rules.transfers import Kind as TransferKind
from collaboration.rules.transfers import State as TransferState
from common.errors import Text
from contacts.losses import By
from contacts.models import BulkItem, CleanUp, Contact, Follow
from contacts.rules import Activity, FollowUpKind, Grade, GradeSource, Level, Plan, Status
from enterprises.models import Enterprise, Member
from jobs.models import Delivery, JobRun
from quota.models import Loan
from quota.rules import AlertKind, PackageKind, State
from upstream.models import Invitee, Message, MessageDelivery, Partner
from upstream.queries.bridges import State as ConnectionState

FAMILIES: dict[str, tuple[type[Enum], dict[str, str]]] = {
    "status": (Status, {"active": "green", "archived": "secondary", "lost": "red"}),
    "grade": (Grade, {"high": "purple", "middle": "blue", "low": "secondary"}),
    "grade_source": (GradeSource, {"manual": "orange"}),
    "activity": (Activity, {"frequent": "green", "occasional": "blue", "never": "secondary"}),
    "level": (Level, {"editor": "blue", "viewer": "secondary"}),
    "kind": (Contact.Kind, {"wechat": "green", "wecom": "orange"}),
    "clean_up": (CleanUp.State, {"announced": "blue", "archived": "green", "cancelled": "secondary"}),
    "connection": (ConnectionState, {"none": "secondary", "offered": "blue", "connected": "green"}),
    "loss": (By, {"contact": "red", "member": "orange", "both": "purple"}),
    "follow": (Follow.State, {"active": "green"}),
    "follow_up": (
        FollowUpKind,
        {"call": "blue", "message": "cyan", "visit": "green", "meeting": "purple", "offer": "orange"},
    ),
    "plan": (Plan, {"overdue": "red", "today": "yellow", "coming": "blue"}),
    "bulk": (BulkItem.State, {"done": "green", "skipped": "yellow", "refused": "red"}),
    "job": (
        JobRun.State,
        {"queued": "secondary", "running": "blue", "done": "green", "failed": "red", "cancelled": "yellow"},
    ),
    "member": (Member.Status, {"active": "green", "disabled": "yellow", "resigned": "secondary"}),
    "transfer": (
        TransferState,
        {"waiting": "blue", "done": "green", "refused": "orange", "taker_full": "yellow", "failed": "red"},
    ),
    "transfer_kind": (TransferKind, {"resigned": "purple", "on_job": "cyan"}),
    "enterprise": (Enterprise.Status, {"active": "green", "suspended": "red"}),
    "delivery": (
        Delivery.State,
        {"waiting": "blue", "delivered": "green", "failed": "red", "cancelled": "secondary"},
    ),
    "alert": (AlertKind, {"usage": "yellow", "over": "red", "expiry": "orange", "budget": "cyan"}),
    "scale": (State, {"below": "green", "at_capacity": "yellow", "over": "red"}),
    "loan": (
        Loan.State,
        {
            "requested": "orange",
            "approved": "green",
            "refused": "red",
            "withdrawn": "secondary",
            "returned": "secondary",
        },
    ),
    "invitee": (
        Invitee.State,
        {"sent": "blue", "opened": "cyan", "answered": "orange", "joined": "green", "declined": "red"},
    ),
    "message": (
        Message.State,
        {"scheduled": "cyan", "sending": "blue", "sent": "green", "stopped": "orange"},
    ),
    "message_delivery": (
        MessageDelivery.State,
        {"delivered": "blue", "opened": "cyan", "clicked": "green", "failed": "red"},
    ),
    "partner": (Partner.Kind, {"brand": "purple", "media": "blue", "buyer": "green", "creator": "pink"}),
    "package": (PackageKind, {"purchase": "blue", "renewal": "cyan", "upgrade": "purple"}),
}


def find(family: str, value: Any) -> tuple[str, Text] | None:
    """Colour and label of a value; None when the family does not know it. Raises KeyError for an unknown family."""
    choices, colours = FAMILIES[family]
    try:
        member: Any = choices(value)
    except ValueError:
        return None
    return colours.get(member.value, "secondary"), member.label
