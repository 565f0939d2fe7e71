"""The permission codes. Roles hold them; services ask for them; unknown codes are refused at the edge."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from common.errors import Text


@dataclass(frozen=True)
class Permission:
    """A code, what it lets somebody do, and the group it is shown in."""

    code: str
    label: Text
    group: Text


_CONTACTS = _("Contacts")
_QUOTA = _("Scale")
_SPACES = _("Upstream and downstream")
_SETTINGS = _("Settings")

PERMISSIONS: dict[str, Permission] = {
    permission.code: permission
    for permission in (
        Permission("contacts.view", _("See contacts"), _CONTACTS),
        Permission("contacts.phones", _("See phone numbers"), _CONTACTS),
        Permission("contacts.add", _("Add contacts"), _CONTACTS),
        Permission("contacts.edit", _("Edit contacts, record interactions and purchases"), _CONTACTS),
        Permission("contacts.archive", _("Archive and restore contacts"), _CONTACTS),
        Permission("contacts.delete", _("Delete contacts for good"), _CONTACTS),
        Permission("contacts.merge", _("Merge two contacts that are one person"), _CONTACTS),
        Permission("contacts.grade", _("Override the value grade"), _CONTACTS),
        Permission("contacts.assign", _("Change the owner"), _CONTACTS),
        Permission("contacts.hand_over", _("Hand over contacts to colleagues on the job"), _CONTACTS),
        Permission("contacts.tag", _("Tag contacts"), _CONTACTS),
        Permission("contacts.share", _("Invite and remove collaborators"), _CONTACTS),
        Permission("contacts.import", _("Import files"), _CONTACTS),
        Permission("contacts.export", _("Export lists"), _CONTACTS),
        Permission("views.share", _("Share views, and change those of others"), _CONTACTS),
        Permission("groups.view", _("See group chats"), _CONTACTS),
        Permission("groups.manage", _("Manage group chats"), _CONTACTS),
        Permission("tags.manage", _("Manage corporate tags"), _CONTACTS),
        Permission("quota.view", _("See the scale"), _QUOTA),
        Permission("quota.buy", _("Record packages"), _QUOTA),
        Permission("quota.ledger", _("See the ledger"), _QUOTA),
        Permission("quota.budgets", _("Set team budgets and the reserve"), _QUOTA),
        Permission("spaces.view", _("See the spaces that one is in"), _SPACES),
        Permission("spaces.invite", _("Invite customers and others into spaces"), _SPACES),
        Permission("spaces.share", _("Share things with partners and give them their workbench"), _SPACES),
        Permission("spaces.message", _("Send messages to partners"), _SPACES),
        Permission("spaces.edit", _("Edit partners and their people"), _SPACES),
        Permission("spaces.manage", _("Manage spaces, subgroups, members and rules"), _SPACES),
        Permission("team.view", _("See the team board"), _SETTINGS),
        Permission("members.view", _("See members and departments"), _SETTINGS),
        Permission("members.manage", _("Manage members and departments"), _SETTINGS),
        Permission("roles.manage", _("Manage roles"), _SETTINGS),
        Permission("policy.manage", _("Change the policy"), _SETTINGS),
        Permission("webhooks.manage", _("Manage alerts and webhooks"), _SETTINGS),
        Permission("audit.view", _("See the audit trail"), _SETTINGS),
        Permission("jobs.view_all", _("See everybody's jobs"), _SETTINGS),
    )
}

ALL = tuple(PERMISSIONS)
GRADED_ADMIN = tuple(
    code
    for code in ALL
    if not code.startswith(("roles.", "policy.", "webhooks.", "jobs.", "members.manage"))
    and code not in ("quota.buy", "quota.ledger", "quota.budgets")
)
STAFF = (
    "contacts.view",
    "contacts.phones",
    "contacts.add",
    "contacts.edit",
    "contacts.archive",
    "contacts.grade",
    "contacts.hand_over",
    "contacts.tag",
    "contacts.share",
    "groups.view",
    "members.view",
    "quota.view",
    "spaces.view",
    "spaces.invite",
)

SUPER_ADMIN_ROLE = "super_admin"
GRADED_ADMIN_ROLE = "graded_admin"
STAFF_ROLE = "staff"

# Roles that every enterprise has, as people read them.
BUILTIN_ROLES: dict[str, Text] = {
    SUPER_ADMIN_ROLE: _("Super admin"),
    GRADED_ADMIN_ROLE: _("Graded admin"),
    STAFF_ROLE: _("Staff"),
}
