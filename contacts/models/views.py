"""Saved views of the list of contacts."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from common.tenancy import TenantForeignKey, TenantManager, TenantModel, TenantQuerySet
from enterprises.actors import Actor


class SavedViewQuerySet(TenantQuerySet):
    def visible_to(self, actor: Actor) -> "SavedViewQuerySet":
        """One's own, and what others share. A view is a question: whom it shows depends on who asks (O5)."""
        return self.filter(Q(shared=True) | Q(member_id=actor.member_id))


class SavedView(TenantModel):
    """A filter with a name, an order and columns: a member's own, or shared with everybody."""

    member = TenantForeignKey("enterprises.Member", related_name="+", verbose_name=_("member"))
    name = models.CharField(_("name"), max_length=40)
    shared = models.BooleanField(_("shared"), default=False)
    filter = models.JSONField(default=dict)
    ordering = models.CharField(max_length=32, default="-added_at")
    columns = ArrayField(models.CharField(max_length=32), default=list)

    objects = TenantManager.from_queryset(SavedViewQuerySet)()

    class Meta(TenantModel.Meta):
        ordering = ("name", "id")
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "member", "name"), name="saved_view_name"),)
        indexes = (models.Index(fields=("enterprise_id", "name"), name="saved_view_shared", condition=Q(shared=True)),)

    def __str__(self) -> str:
        return self.name
