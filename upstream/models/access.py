"""Who of ours is in a space, and who corresponds with whom (U6)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from common import clock
from common.tenancy import TenantForeignKey, TenantModel
from upstream.models.structure import Partner, Space, Subgroup


class SpaceMember(TenantModel):
    """A member of ours is in the space: as a whole, or only for the subgroups of `SubgroupMember`."""

    space = TenantForeignKey(Space, related_name="members")
    member = TenantForeignKey("enterprises.Member", related_name="+")
    since = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        ordering = ("since", "id")
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "space", "member"), name="space_member_once"),)
        indexes = (models.Index(fields=("enterprise_id", "member", "space"), name="space_member_member"),)


class SubgroupMember(TenantModel):
    """A member of ours is in the space for this subgroup and what is below it."""

    seat = TenantForeignKey(SpaceMember, related_name="subgroups")
    subgroup = TenantForeignKey(Subgroup, related_name="seats")

    class Meta(TenantModel.Meta):
        constraints = (
            models.UniqueConstraint(fields=("enterprise_id", "seat", "subgroup"), name="subgroup_member_once"),
        )
        indexes = (models.Index(fields=("enterprise_id", "subgroup"), name="subgroup_member_subgroup"),)


class CorrespondenceRule(TenantModel):
    """Some of ours correspond with some partners (对接规则); what each side is stands in RuleEnd."""

    space = TenantForeignKey(Space, related_name="rules")
    name = models.CharField(_("name"), max_length=64)
    created_at = models.DateTimeField(default=clock.now)
    version = models.PositiveIntegerField(default=1)

    class Meta(TenantModel.Meta):
        verbose_name = _("correspondence rule")
        ordering = ("created_at", "id")
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "space", "name"), name="rule_name"),)

    def __str__(self) -> str:
        return self.name


class RuleEnd(TenantModel):
    """One thing that a rule names: a member or department of ours, or a subgroup or partner of theirs."""

    rule = TenantForeignKey(CorrespondenceRule, related_name="ends")
    member = TenantForeignKey("enterprises.Member", null=True, related_name="+")
    department = TenantForeignKey("enterprises.Department", null=True, related_name="+")
    subgroup = TenantForeignKey(Subgroup, null=True, related_name="+")
    partner = TenantForeignKey(Partner, null=True, related_name="+")

    class Meta(TenantModel.Meta):
        constraints = (
            models.CheckConstraint(
                condition=models.Q(
                    models.lookups.Exact(
                        models.Func(
                            "member",
                            "department",
                            "subgroup",
                            "partner",
                            function="num_nonnulls",
                            output_field=models.IntegerField(),
                        ),
                        1,
                    )
                ),
                name="rule_end_one",
            ),
        )
        indexes = (
            models.Index(fields=("enterprise_id", "rule"), name="rule_end_rule"),
            models.Index(fields=("enterprise_id", "member"), name="rule_end_member"),
            models.Index(fields=("enterprise_id", "department"), name="rule_end_department"),
            models.Index(fields=("enterprise_id", "subgroup"), name="rule_end_subgroup"),
            models.Index(fields=("enterprise_id", "partner"), name="rule_end_partner"),
        )
