"""What is shared with partners, and the personal link by which they see it (U11)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from common import clock
from common.ids import short_code
from common.tenancy import TenantForeignKey, TenantModel
from upstream.models.people import Person
from upstream.models.structure import Series, Space, Subgroup


def _code() -> str:
    return short_code(28)


class Share(TenantModel):
    """Something that the partners of a space, a series or a subgroup find in their workbench, until it is withdrawn."""

    class Kind(models.TextChoices):
        LINK = "link", _("Link")
        MINI_PROGRAM = "mini_program", _("Mini-program")
        FOLDER = "folder", _("Folder")
        DOCUMENT = "document", _("Document")
        MEETING = "meeting", _("Meeting")
        FILE = "file", _("File")

    space = TenantForeignKey(Space, null=True, related_name="shares", verbose_name=_("space"))
    series = TenantForeignKey(Series, null=True, related_name="shares", verbose_name=_("series"))
    subgroup = TenantForeignKey(Subgroup, null=True, related_name="shares", verbose_name=_("subgroup"))
    kind = models.CharField(_("kind"), max_length=16, choices=Kind, default=Kind.LINK)
    title = models.CharField(_("title"), max_length=128)
    note = models.CharField(_("note"), max_length=500, blank=True)
    url = models.CharField(_("address"), max_length=2000, blank=True)
    starts_at = models.DateTimeField(_("starts"), null=True)
    file = models.CharField(max_length=200, blank=True)
    file_name = models.CharField(max_length=128, blank=True)
    size = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=clock.now)
    created_by = TenantForeignKey("enterprises.Member", null=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("share")
        ordering = ("-created_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(space=None, series__isnull=False) | models.Q(space__isnull=False, series=None),
                name="share_target",
            ),
        )
        indexes = (
            models.Index(fields=("enterprise_id", "created_at", "id"), name="share_created"),
            models.Index(fields=("enterprise_id", "space"), name="share_space"),
            models.Index(fields=("enterprise_id", "series"), name="share_series"),
            models.Index(fields=("enterprise_id", "subgroup"), name="share_subgroup"),
        )

    def __str__(self) -> str:
        return self.title


class ShareOpen(TenantModel):
    """A person opened a share, so many times; or a partner's enterprise did, by its connection (`bridge`): who of it
    is none of ours to know."""

    share = TenantForeignKey(Share, related_name="opens")
    person = TenantForeignKey(Person, null=True, related_name="+")
    bridge = TenantForeignKey("upstream.Bridge", null=True, related_name="+")
    times = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField(default=clock.now)
    last_at = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        constraints = (
            models.UniqueConstraint(fields=("enterprise_id", "share", "person"), name="share_open_once"),
            models.UniqueConstraint(fields=("enterprise_id", "share", "bridge"), name="share_open_by_bridge"),
            models.CheckConstraint(
                condition=models.Q(person=None, bridge__isnull=False) | models.Q(person__isnull=False, bridge=None),
                name="share_open_of_one",
            ),
        )
        indexes = (models.Index(fields=("enterprise_id", "person"), name="share_open_person"),)


class WorkbenchLink(TenantModel):
    """The personal link of a partner's person. The newest works; it is good for them alone, see services.workbench."""

    person = TenantForeignKey(Person, related_name="links")
    code = models.CharField(max_length=32, default=_code, editable=False)
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "code"), name="workbench_code"),)
        indexes = (models.Index(fields=("enterprise_id", "person"), name="workbench_person"),)
