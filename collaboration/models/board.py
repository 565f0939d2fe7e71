"""The team board: one row for each member and day, written by a job, never counted while somebody looks (O10)."""

from django.db import models

from common.tenancy import TenantForeignKey, TenantModel


class BoardDay(TenantModel):
    """What a member did on a day of the enterprise, and what they had at its end (empty for days before the first run).

    `asked`: how often a contact wrote and waited for an answer; `answered`: ever; `in_minutes` and `in_hours`: within
    the policy's times.
    """

    day = models.DateField()
    member = TenantForeignKey("enterprises.Member", related_name="+")
    high = models.PositiveIntegerField(null=True)
    middle = models.PositiveIntegerField(null=True)
    low = models.PositiveIntegerField(null=True)
    silent = models.PositiveIntegerField(null=True)
    added = models.PositiveIntegerField(default=0)
    lost = models.PositiveIntegerField(default=0)
    follow_ups = models.PositiveIntegerField(default=0)
    asked = models.PositiveIntegerField(default=0)
    answered = models.PositiveIntegerField(default=0)
    in_minutes = models.PositiveIntegerField(default=0)
    in_hours = models.PositiveIntegerField(default=0)

    class Meta(TenantModel.Meta):
        ordering = ("-day", "id")
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "day", "member"), name="board_day_once"),)
        indexes = (models.Index(fields=("enterprise_id", "member", "day"), name="board_day_member"),)
