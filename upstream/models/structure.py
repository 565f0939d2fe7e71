"""Spaces, their subgroups, and the partners in them (U1–U4, U8)."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from common import clock
from common.tenancy import TenantForeignKey, TenantManager, TenantModel
from enterprises.models import Enterprise
from upstream.querysets import PartnerQuerySet, SpaceQuerySet
from upstream.rules import names


class SpaceName(models.Model):
    """A name that a space has, once in the whole installation (U2). Global, so it keeps a digest, not the name."""

    digest = models.CharField(max_length=64, primary_key=True)
    enterprise = models.ForeignKey(Enterprise, models.PROTECT, related_name="+")
    space_id = models.UUIDField()


class SpaceAccount(TenantModel):
    """The one row that decides whether another space fits (U1)."""

    spaces = models.IntegerField(default=0)

    class Meta(TenantModel.Meta):
        constraints = (
            models.UniqueConstraint("enterprise_id", name="space_account_one"),
            models.CheckConstraint(condition=models.Q(spaces__gte=0), name="space_account_not_negative"),
        )


class Series(TenantModel):
    """Spaces that are handled as one: "Media 1 … N" (U8). `purpose` is what its new spaces are told to be for."""

    name = models.CharField(_("name"), max_length=48)
    purpose = models.CharField(_("what for"), max_length=500, blank=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        verbose_name = _("series")
        ordering = ("name", "id")
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "name"), name="series_name"),)

    def __str__(self) -> str:
        return self.name


class Space(TenantModel):
    """A named top-level grouping of partners (U2). `partner_count` decides whether another partner fits (U1)."""

    name = models.CharField(_("name"), max_length=64)
    purpose = models.CharField(
        _("what for"), max_length=500, blank=True, help_text=_("In plain words; partners read it before they join.")
    )
    series = TenantForeignKey(Series, null=True, blank=True, related_name="spaces", verbose_name=_("series"))
    number = models.PositiveIntegerField(_("number in the series"), null=True)
    partners_open = models.BooleanField(
        _("partners see each other"), default=False, help_text=_("Otherwise a partner sees you and its own people.")
    )
    partner_count = models.IntegerField(default=0)
    created_at = models.DateTimeField(default=clock.now)
    version = models.PositiveIntegerField(default=1)

    objects = TenantManager.from_queryset(SpaceQuerySet)()

    class Meta(TenantModel.Meta):
        verbose_name = _("space")
        ordering = ("name", "id")
        constraints = (
            models.CheckConstraint(condition=models.Q(partner_count__gte=0), name="space_partners_not_negative"),
            models.UniqueConstraint(fields=("enterprise_id", "series", "number"), name="space_number"),
        )

    def __str__(self) -> str:
        return self.name


class Subgroup(TenantModel):
    """A node of a space's tree (U3). Partners never learn of it."""

    space = TenantForeignKey(Space, related_name="subgroups")
    parent = TenantForeignKey("self", null=True, blank=True, related_name="children", verbose_name=_("parent"))
    name = models.CharField(_("name"), max_length=64)
    position = models.PositiveIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)

    class Meta(TenantModel.Meta):
        verbose_name = _("subgroup")
        ordering = ("position", "name", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("enterprise_id", "space", "parent", "name"), name="subgroup_name", nulls_distinct=False
            ),
        )

    def __str__(self) -> str:
        return self.name


class Partner(TenantModel):
    """An outside enterprise in a space (U3, U4). *Virtual*: known by a name only, until somebody verifies it."""

    class Kind(models.TextChoices):
        BRAND = "brand", _("Brand")
        SUPPLIER = "supplier", _("Supplier")
        DISTRIBUTOR = "distributor", _("Distributor")
        BUYER = "buyer", _("Buyer")
        STORE = "store", _("Store")
        MEDIA = "media", _("Media")
        CREATOR = "creator", _("Blogger")
        OTHER = "other", _("Other")

    space = TenantForeignKey(Space, related_name="partners")
    name = models.CharField(_("name"), max_length=128)
    name_key = models.CharField(max_length=255, editable=False)
    short_name = models.CharField(_("short name"), max_length=64, blank=True)
    aliases = ArrayField(models.CharField(max_length=128), verbose_name=_("aliases"), default=list, blank=True)
    found_by = models.TextField(editable=False)
    region = models.CharField(_("region"), max_length=64, blank=True)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind, default=Kind.OTHER)
    owner = TenantForeignKey(
        "enterprises.Member", null=True, blank=True, related_name="+", verbose_name=_("owner on our side")
    )
    virtual = models.BooleanField(_("virtual"), default=False)
    credit_code = models.CharField(_("unified social credit code"), max_length=18, blank=True)
    verified_at = models.DateTimeField(_("verified"), null=True)
    contact_count = models.IntegerField(default=0)
    joined_at = models.DateTimeField(_("joined"), default=clock.now)
    version = models.PositiveIntegerField(default=1)

    objects = TenantManager.from_queryset(PartnerQuerySet)()

    class Meta(TenantModel.Meta):
        verbose_name = _("partner")
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(fields=("enterprise_id", "space", "name_key"), name="partner_name"),
            models.UniqueConstraint(
                fields=("enterprise_id", "space", "credit_code"),
                name="partner_credit_code",
                condition=~models.Q(credit_code=""),
            ),
            models.CheckConstraint(condition=models.Q(contact_count__gte=0), name="partner_people_not_negative"),
        )
        indexes = (
            models.Index(fields=("enterprise_id", "space", "name", "id"), name="partner_space"),
            models.Index(fields=("enterprise_id", "joined_at", "id"), name="partner_joined"),
            models.Index(fields=("enterprise_id", "name", "id"), name="partner_by_name"),
        )

    def __str__(self) -> str:
        return self.short_name or self.name

    def write_keys(self) -> None:
        """Bring what it is compared and found by up to date with its names."""
        self.name_key = names.key(self.name)[:255]
        self.found_by = names.spellings(self.name, self.short_name, *self.aliases)


class PartnerPlace(TenantModel):
    """A partner is in a subgroup; it may be in several (U3)."""

    partner = TenantForeignKey(Partner, related_name="places")
    subgroup = TenantForeignKey(Subgroup, related_name="places")

    class Meta(TenantModel.Meta):
        constraints = (
            models.UniqueConstraint(fields=("enterprise_id", "subgroup", "partner"), name="partner_place_once"),
        )
        indexes = (models.Index(fields=("enterprise_id", "partner"), name="partner_place_partner"),)
