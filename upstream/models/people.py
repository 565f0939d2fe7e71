"""The people of partners (U5): a person once per enterprise, in as many spaces as they are in."""

from django.db import models
from django.utils.translation import gettext_lazy as _

import common.lookups  # noqa: F401 - registers `prefix`
from common import clock
from common.tenancy import TenantForeignKey, TenantManager, TenantModel
from upstream.querysets import PartnerContactQuerySet
from upstream.rules import names


class Person(TenantModel):
    """Somebody outside, once per enterprise: known again by their phone number or as a customer."""

    name = models.CharField(_("name"), max_length=64)
    pinyin = models.CharField(max_length=255, editable=False)
    initials = models.CharField(max_length=64, editable=False)
    phone = models.CharField(_("phone"), max_length=32, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        verbose_name = _("person")
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("enterprise_id", "phone"), name="person_phone", condition=~models.Q(phone="")
            ),
        )
        indexes = (
            *(
                models.Index(
                    fields=("enterprise_id", column),
                    opclasses=("uuid_ops", "varchar_pattern_ops"),
                    name=f"person_{column}_prefix",
                )
                for column in ("name", "pinyin", "initials")
            ),
            models.Index(fields=("enterprise_id", "email"), name="person_email", condition=~models.Q(email="")),
        )

    def __str__(self) -> str:
        return self.name

    def write_keys(self) -> None:
        """Bring what they are found by up to date with the name."""
        full, initials = names.pinyin(self.name)
        self.pinyin, self.initials = full[:255], initials[:64]


class CustomerLink(TenantModel):
    """The person is also this customer (U5): each stays what they are. Goes when the customer is deleted for good."""

    person = TenantForeignKey(Person, related_name="customer_links")
    contact = TenantForeignKey("contacts.Contact", related_name="+")

    class Meta(TenantModel.Meta):
        constraints = (
            models.UniqueConstraint(fields=("enterprise_id", "contact"), name="customer_link_contact"),
            models.UniqueConstraint(fields=("enterprise_id", "person"), name="customer_link_person"),
        )


class PartnerContact(TenantModel):
    """A person of a partner (上下游联系人). In one space a person stands for one partner."""

    space = TenantForeignKey("Space", related_name="people")
    partner = TenantForeignKey("Partner", related_name="people")
    person = TenantForeignKey(Person, related_name="seats")
    title = models.CharField(_("position"), max_length=64, blank=True)
    leader = models.BooleanField(_("leader"), default=False)
    source = models.CharField(_("source"), max_length=32, blank=True)
    joined_at = models.DateTimeField(_("joined"), default=clock.now)

    objects = TenantManager.from_queryset(PartnerContactQuerySet)()

    class Meta(TenantModel.Meta):
        verbose_name = _("partner contact")
        ordering = ("joined_at", "id")
        constraints = (
            models.UniqueConstraint(fields=("enterprise_id", "space", "person"), name="partner_contact_once"),
        )
        indexes = (
            models.Index(fields=("enterprise_id", "partner", "joined_at", "id"), name="partner_contact_partner"),
            models.Index(fields=("enterprise_id", "person"), name="partner_contact_person"),
            models.Index(fields=("enterprise_id", "joined_at", "id"), name="partner_contact_joined"),
        )

    def __str__(self) -> str:
        return self.person.name
