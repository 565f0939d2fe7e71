"""Two contacts that are one person (C1): what a merge did, so that it can be taken back."""

from django.db import models

from common import clock
from common.tenancy import TenantForeignKey, TenantModel
from contacts.models.contacts import Contact


class ContactMerge(TenantModel):
    """`gone` went into `contact`. `before` and `after` hold of both what the merge changed in their own rows."""

    contact = TenantForeignKey(Contact, related_name="merges")
    gone_id = models.UUIDField()
    gone_label = models.CharField(max_length=128)
    member = TenantForeignKey("enterprises.Member", null=True, related_name="+")
    merged_at = models.DateTimeField(default=clock.now)
    undo_until = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        ordering = ("-merged_at", "-id")
        indexes = (
            models.Index(fields=("enterprise_id", "contact", "merged_at", "id"), name="contact_merge_contact"),
            models.Index(fields=("enterprise_id", "undo_until"), name="contact_merge_undo"),
        )


class MergeItem(TenantModel):
    """A row that a merge carried over (or made: taggings of a relation that both had)."""

    merge = TenantForeignKey(ContactMerge, related_name="items")
    contact = TenantForeignKey(Contact, related_name="+")
    kind = models.CharField(max_length=40)
    row_id = models.UUIDField()

    class Meta(TenantModel.Meta):
        indexes = (
            models.Index(fields=("enterprise_id", "merge", "kind", "row_id"), name="merge_item_kind"),
            models.Index(fields=("enterprise_id", "contact"), name="merge_item_contact"),
        )
