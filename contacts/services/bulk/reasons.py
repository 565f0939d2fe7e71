"""Why a bulk job left a contact out: codes for programs, texts for people."""

from django.utils.translation import gettext_lazy as _

from common.choices import Choice


class Reason(Choice):
    """`refused`: it was wanted and not allowed; all others: there was nothing to do (skipped)."""

    NOT_FOUND = "not_found", _("There is no such contact.")
    NOT_ALLOWED = "not_allowed", _("This needs the owner or an admin of the contact.")
    ALREADY_ARCHIVED = "already_archived", _("The contact is archived already.")
    ALREADY_ACTIVE = "already_active", _("The contact is active already.")
    ALREADY_TAGGED = "already_tagged", _("The contact has these tags already.")
    NOT_TAGGED = "not_tagged", _("The contact does not have these tags.")
    SAME_OWNER = "same_owner", _("The member is the owner already.")
    IN_ROUND = "in_round", _("The contact is in an open clean-up already.")
    CHANGED_SINCE = "changed_since", _("Somebody changed the contact since.")
    LOST = "lost", _("The contact is lost: nobody follows it and it is in no group.")
    NOT_ARCHIVED = "not_archived", _("Only archived or lost contacts can be deleted.")
    NO_FOLLOW = "no_follow", _("Nobody is a friend of this contact, so there is no relation to tag.")
    TOO_MANY_TAGS = "too_many_tags", _("The member would have more tags on this contact than WeCom takes.")
    OWNER_GONE = "owner_gone", _("The previous owner is not an active member any more.")
    QUOTA_EXCEEDED = "quota_exceeded", _("No place was left in the scale of the enterprise.")
    BUDGET_EXCEEDED = "budget_exceeded", _("No place was left in the budget of the owner's team.")

    @property
    def refused(self) -> bool:
        return self in _REFUSED


_REFUSED = {
    Reason.NOT_ALLOWED,
    Reason.LOST,
    Reason.NOT_ARCHIVED,
    Reason.NO_FOLLOW,
    Reason.TOO_MANY_TAGS,
    Reason.OWNER_GONE,
    Reason.QUOTA_EXCEEDED,
    Reason.BUDGET_EXCEEDED,
}
REFUSED = [reason.value for reason in Reason if reason.refused]
