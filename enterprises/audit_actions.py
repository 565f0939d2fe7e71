"""Every action of the audit trail, in the words that people read. A test finds actions that are missing here."""

from django.utils.translation import gettext_lazy as _

from common.errors import Text

ACTIONS: dict[str, Text] = {
    # --- enterprises
    "enterprise.created": _("Enterprise created"),
    "enterprise.changed": _("Enterprise changed"),
    "enterprise.verified": _("Enterprise verified"),
    "enterprise.unverified": _("Verification withdrawn"),
    "enterprise.suspended": _("Enterprise suspended"),
    "enterprise.resumed": _("Enterprise resumed"),
    "policy.changed": _("Policy changed"),
    "department.created": _("Department created"),
    "department.changed": _("Department changed"),
    "department.deleted": _("Department deleted"),
    "member.created": _("Member created"),
    "member.changed": _("Member changed"),
    "member.invited": _("Member invited"),
    "member.joined": _("Invitation accepted"),
    "member.disabled": _("Member disabled"),
    "member.enabled": _("Member enabled"),
    "member.resigned": _("Member resigned"),
    "member.account_closed": _("Account closed by the platform"),
    "member.account_opened": _("Account opened by the platform"),
    "member.factors_reset": _("Second factor removed by the platform"),
    "people.imported": _("Members or departments imported"),
    "role.created": _("Role created"),
    "role.changed": _("Role changed"),
    "role.deleted": _("Role deleted"),
    "token.created": _("Token created"),
    "token.revoked": _("Token revoked"),
    # --- jobs
    "job.queued": _("Job started"),
    "job.cancelled": _("Job cancelled"),
    "job.retried": _("Job tried again"),
    # --- quota
    "package.recorded": _("Package recorded"),
    "package.expired": _("Package expired"),
    "platform.recorded": _("Number of WeCom recorded"),
    # --- contacts
    "contact.added": _("Contact added"),
    "contact.returned": _("Contact came back"),
    "contact.edited": _("Contact edited"),
    "contact.graded": _("Value grade set"),
    "contact.owner_changed": _("Owner changed"),
    "contact.tagged": _("Tags changed"),
    "contact.followed": _("Contact followed"),
    "contact.unfollowed": _("Follow ended"),
    "contact.lost": _("Contact lost"),
    "contact.archived": _("Contact archived"),
    "contact.restored": _("Contact restored"),
    "contact.interaction_recorded": _("Interaction recorded"),
    "contact.purchase_recorded": _("Purchase recorded"),
    "contacts.graded": _("All contacts graded"),
    "contacts.silence_tagged": _("Silent contacts tagged"),
    "contacts.archived": _("Contacts archived as a batch"),
    "contacts.restored": _("Contacts restored as a batch"),
    "contacts.tagged": _("Tags put on a batch of contacts"),
    "contacts.untagged": _("Tags taken off a batch of contacts"),
    "contacts.owner_changed": _("Owner of a batch of contacts changed"),
    "contacts.deleted": _("Contacts deleted for good as a batch"),
    "contacts.imported": _("File imported"),
    "contacts.exported": _("List exported"),
    "tag.created": _("Tag created"),
    "tag.edited": _("Tag edited"),
    "tag.deleted": _("Tag deleted"),
    "tag_group.created": _("Tag group created"),
    "tag_group.edited": _("Tag group edited"),
    "tag_group.deleted": _("Tag group deleted"),
    "group.created": _("Group chat created"),
    "group.edited": _("Group chat edited"),
    "group.joined": _("Joined a group chat"),
    "group.left": _("Left a group chat"),
    "group.dismissed": _("Group chat dismissed"),
}


def label(action: str) -> Text:
    """What people read for an action; old or unknown ones show their code."""
    return ACTIONS.get(action, action)
