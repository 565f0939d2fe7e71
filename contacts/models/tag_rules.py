"""Tag rules (C13): if a contact answers a filter, then it wears a tag, or does not."""

from collections.abc import Collection
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from common import clock
from common.tenancy import TenantForeignKey, TenantModel
from contacts.rules import TagEffect, asked_tags


class TagRule(TenantModel):
    """`conditions` is a filter of contacts as JSON. Rules apply in the order of `position`: the first one to decide
    about a tag of a contact has decided."""

    name = models.CharField(_("name"), max_length=64)
    conditions = models.JSONField(default=dict)
    effect = models.CharField(_("effect"), max_length=8, choices=TagEffect.choices, default=TagEffect.TAG)
    tag = TenantForeignKey("contacts.Tag", related_name="rules", verbose_name=_("tag"))
    active = models.BooleanField(_("active"), default=False)
    position = models.PositiveIntegerField(_("order"), default=0)
    applied_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        ordering = ("position", "id")
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "name"), name="tag_rule_name"),)

    def __str__(self) -> str:
        return self.name

    def names(self, tags: Collection[UUID]) -> bool:
        """Does the rule set one of these tags, or ask for one?"""
        return self.tag_id in tags or not asked_tags(self.conditions).isdisjoint(map(str, tags))
