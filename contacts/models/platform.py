"""WeCom's list of served people, and what differs from ours (Q2)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from common import clock
from common.tenancy import TenantModel


class PlatformEntry(TenantModel):
    """A line of the newest list that WeCom gave: a person, and the member or group through whom they are counted."""

    external_userid = models.CharField(max_length=64)
    name = models.CharField(max_length=128, blank=True)
    member = models.CharField(max_length=128, blank=True, help_text="The member's account, as the list names it.")
    group_name = models.CharField(max_length=128, blank=True)
    added_at = models.DateTimeField(null=True)
    job_id = models.UUIDField()

    class Meta(TenantModel.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("enterprise_id", "external_userid", "member", "group_name"), name="platform_entry_once"
            ),
        )


class PlatformDifference(TenantModel):
    """A person who is counted by one side only, and why: written by each comparison, replaced by the next."""

    class Cause(models.TextChoices):
        RELEASE_PENDING = "release_pending", _("Archived here, still counted by WeCom")
        LOST = "lost", _("Lost here, still counted by WeCom")
        GROUP_ONLY = "group_only", _("Only in groups there, unknown here")
        UNKNOWN_HERE = "unknown_here", _("Friends of members there, unknown here")
        UNKNOWN_THERE = "unknown_there", _("Served here, not counted by WeCom")

        @property
        def sign(self) -> int:
            """Does WeCom count one more, or one less?"""
            return -1 if self is self.UNKNOWN_THERE else 1

    external_userid = models.CharField(max_length=64)
    cause = models.CharField(max_length=16, choices=Cause)
    contact_id = models.UUIDField(null=True)
    name = models.CharField(max_length=128, blank=True)
    member = models.CharField(max_length=128, blank=True)
    group_name = models.CharField(max_length=128, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ("external_userid", "id")
        constraints = (
            models.UniqueConstraint(fields=("enterprise_id", "external_userid"), name="platform_difference_once"),
        )
        indexes = (
            models.Index(fields=("enterprise_id", "cause", "external_userid", "id"), name="platform_difference_cause"),
        )


class PlatformComparison(TenantModel):
    """When the two were compared last, and how many differ for which cause. One row per enterprise."""

    at = models.DateTimeField(default=clock.now)
    listed = models.PositiveIntegerField(null=True, help_text="People in WeCom's list; null while there is none.")
    served = models.PositiveIntegerField()
    causes = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        constraints = (models.UniqueConstraint("enterprise_id", name="platform_comparison_once"),)
