"""What keys and codes are called: of what an audit entry says, and of what a job's result says."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from collaboration.rules.duplicates import By as SettledBy
from collaboration.rules.transfers import Kind as TransferKind
from common.errors import Text
from contacts.files.columns import ImportKind
from contacts.losses import By as EndedBy
from contacts.models import Follow
from contacts.rules import FollowUpKind, Grade, Level, Status, TagEffect
from enterprises.models import Enterprise, Member, Role
from enterprises.permissions import PERMISSIONS
from enterprises.policy import Policy
from quota.rules import PackageKind
from upstream.models import Message, Share

# In the order in which an entry tells them.
NAMES: dict[str, Text] = {
    "name": pgettext_lazy("of a thing", "Name"),
    "userid": _("Account"),
    "email": _("E-mail"),
    "department": _("Department"),
    "departments": _("Departments"),
    "role": _("Role"),
    "ranges": _("Manages"),
    "status": _("Status"),
    "parent": _("Belongs to"),
    "leader": _("Leader"),
    "position": pgettext_lazy("in a list", "Order"),
    "scope": _("Sees"),
    "permissions": _("Permissions"),
    "timezone": _("Time zone"),
    "verified": _("Verified"),
    "member": _("Member"),
    "members": _("Members"),
    "days": _("Days"),
    "starts_on": _("First day"),
    "ends_on": _("Last day"),
    "kind": _("Kind"),
    "filename": _("File"),
    "file": _("File"),
    "size": _("Bytes"),
    "params": _("Details"),
    "rows": _("Rows"),
    "created": pgettext_lazy("how many", "Added"),
    "updated": pgettext_lazy("how many", "Changed"),
    "changed": pgettext_lazy("how many", "Changed"),
    "unchanged": _("Unchanged"),
    "refused": _("Refused"),
    "refusals": _("Why refused"),
    "dry_run": _("Check only"),
    "by": _("Way"),
    "owner": _("Owner"),
    "source": _("Source"),
    "tags": _("Tags"),
    "tag": _("Tag"),
    "put": pgettext_lazy("how many", "Tagged"),
    "taken": pgettext_lazy("how many", "Untagged"),
    "taken_off": pgettext_lazy("how many", "Untagged"),
    "tagged": pgettext_lazy("how many", "Tagged"),
    "untagged": pgettext_lazy("how many", "Untagged"),
    "inactive": _("Inactive"),
    "grades": _("Value grades"),
    "group": pgettext_lazy("of tags", "Group"),
    "grade": _("Grade"),
    "contact": _("Contact"),
    "contacts": _("Contacts"),
    "customers": _("Customers"),
    "collaborations": _("Collaborations"),
    "invitations": _("Invitations"),
    "groups": _("Group chats"),
    "items": _("Contacts"),
    "others": _("Other friends"),
    "gone": pgettext_lazy("of a merge", "Merged contact"),
    "merged": pgettext_lazy("of a merge", "Merged"),
    "into": pgettext_lazy("of a merge", "Into"),
    "merge": _("Merge"),
    "served": _("Served"),
    "capacity": _("Scale"),
    "tier": _("Tier"),
    "price": _("Price"),
    "count": _("Count"),
    "amount": _("Amount"),
    "order_no": _("Order number"),
    "paid_at": _("Paid at"),
    "at": _("Time"),
    "until": _("Until"),
    "next_at": _("Next date"),
    "level": _("Level"),
    "due_at": _("Due at"),
    "expires_at": _("Until"),
    "value_at_risk": _("Spent in the window"),
    "expected_loss": _("Expected loss in a year"),
    "numbers": _("Phone numbers"),
    "phones": _("With phone numbers"),
    "format": _("Format"),
    "lender": pgettext_lazy("who lends", "From"),
    "borrower": pgettext_lazy("who borrows", "For"),
    "places": _("Places"),
    "reserve_departments": _("Teams that may use the reserve"),
    "reserve_sources": _("Sources that may use the reserve"),
    "platform_at": _("As of"),
    "enterprise": _("Enterprise"),
    "space": _("Space"),
    "series": _("Series"),
    "partner": _("Partner"),
    "partners": _("Partners"),
    "people": _("People"),
    "person": _("Person"),
    "number": _("No."),
    "subgroup": _("Subgroup"),
    "subgroups": _("Subgroups"),
    "shared": _("Shared"),
    "filter": _("Filter"),
    "from": _("From"),
    "to": _("To"),
    "state": _("Status"),
    "event": _("Event"),
    "delivery": _("Message"),
    "audience": pgettext_lazy("audience", "To"),
    "target": _("Shared with"),
    "plan": _("Plan"),
    "chat": _("Group chat"),
    "conditions": _("Conditions"),
    "previous_until": _("The old secret works until"),
    **{field.name: field.label for field in Policy.fields()},
}


def _labels(*kinds: Any) -> dict[str, Text]:
    return {one.value: one.label for kind in kinds for one in kind}


# Values that are codes, by the key they are a value of, where the field of a model does not say it.
VALUES: dict[str, dict[str, Text]] = {
    "status": _labels(Member.Status, Enterprise.Status, Status),
    "scope": _labels(Role.Scope),
    "permissions": {code: one.label for code, one in PERMISSIONS.items()},
    "by": _labels(EndedBy, SettledBy),
    "source": Follow.SOURCES,
    "grade": _labels(Grade),
    "level": _labels(Level),
    "effect": _labels(TagEffect),
    "kind": _labels(TransferKind, FollowUpKind, PackageKind, Message.Kind, Share.Kind, ImportKind),
    "state": _labels(Message.State, Follow.State),
}
