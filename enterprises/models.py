"""Who works here: enterprises, departments, members, roles, tokens, the policy record, the audit trail."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from common import clock
from common.ids import short_code, uuid7
from common.tenancy import TenantForeignKey, TenantModel
from enterprises import permissions

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


class UserManager(BaseUserManager["User"]):
    """Makes users by e-mail; e-mail addresses are kept in lower case."""

    def get_by_natural_key(self, email: str | None) -> "User":
        return self.get(email=(email or "").lower())

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractUser):
    """A person who can log in; belongs to enterprises through Member. Global: known before a tenant is.

    `is_staff` marks the platform's operators (Django's admin), who have no way into an enterprise's contacts.
    """

    username = None  # type: ignore[assignment]
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=64, blank=True)
    language = models.CharField(_("language"), max_length=8, blank=True)
    session_epoch = models.PositiveIntegerField(default=0, editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()  # type: ignore[assignment,misc]

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.name or self.email

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Sessions end when the password changes, and when `session_epoch` is raised."""
        value = f"{self.password}{self.session_epoch}"
        return salted_hmac("enterprises.User.session", value, secret=secret, algorithm="sha256").hexdigest()

    def get_full_name(self) -> str:
        return str(self)

    def get_short_name(self) -> str:
        return str(self)


class Enterprise(models.Model):
    """A tenant. The directory of tenants is global: it is read before a tenant is known, and holds no customers."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        SUSPENDED = "suspended", _("Suspended")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    code = models.CharField(_("code"), max_length=16, unique=True, default=short_code, editable=False)
    name = models.CharField(_("name"), max_length=128)
    verified = models.BooleanField(
        _("verified"), default=False, help_text=_("Certified by WeCom: 2 000 free places and packages (Q3).")
    )
    verified_at = models.DateTimeField(_("verified at"), null=True, blank=True)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.ACTIVE)
    timezone = models.CharField(_("time zone"), max_length=64, default="Asia/Shanghai")
    created_at = models.DateTimeField(_("created at"), default=clock.now, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("enterprise")
        verbose_name_plural = _("enterprises")
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name


class PolicyRecord(TenantModel):
    """What an enterprise set differently from the defaults of `enterprises.policy.Policy`."""

    overrides = models.JSONField(default=dict)
    updated_at = models.DateTimeField(default=clock.now)
    version = models.PositiveIntegerField(default=1)

    class Meta(TenantModel.Meta):
        constraints = (models.UniqueConstraint("enterprise_id", name="policy_one_per_enterprise"),)


class Department(TenantModel):
    """A node of the department tree; a regional team is a department with a leader."""

    parent = TenantForeignKey("self", null=True, blank=True, related_name="children", verbose_name=_("parent"))
    name = models.CharField(_("name"), max_length=64)
    leader = TenantForeignKey("Member", null=True, blank=True, related_name="leads", verbose_name=_("leader"))
    position = models.PositiveIntegerField(_("position"), default=0)
    version = models.PositiveIntegerField(default=1)

    class Meta(TenantModel.Meta):
        verbose_name = _("department")
        ordering = ("position", "name", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("enterprise_id", "parent", "name"), name="department_name", nulls_distinct=False
            ),
        )

    def __str__(self) -> str:
        return self.name


class Role(TenantModel):
    """What members may do (codes of `enterprises.permissions`) and how far they see."""

    class Scope(models.TextChoices):
        ALL = "all", _("The whole enterprise")
        DEPARTMENTS = "departments", _("Given departments, subtrees included")
        RELATED = "related", _("What they follow, own or collaborate on")

    name = models.CharField(_("name"), max_length=64)
    builtin = models.CharField(max_length=16, blank=True, editable=False)
    scope = models.CharField(_("sees"), max_length=16, choices=Scope, default=Scope.RELATED)
    permissions = ArrayField(models.CharField(max_length=64), verbose_name=_("permissions"), default=list, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta(TenantModel.Meta):
        verbose_name = _("role")
        ordering = ("name", "id")
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "name"), name="role_name"),)

    def __str__(self) -> str:
        return self.name

    @property
    def label(self) -> "StrPromise | str":
        """What people read: built-in roles in their language, others by their name."""
        return permissions.BUILTIN_ROLES.get(self.builtin, self.name)

    @property
    def codes(self) -> frozenset[str]:
        """The permission codes that it gives. A super admin's are all there are, whatever was stored when."""
        if self.builtin == permissions.SUPER_ADMIN_ROLE:
            return frozenset(permissions.ALL)
        return frozenset(self.permissions).intersection(permissions.ALL)


class Member(TenantModel):
    """An employee of the enterprise. `user` is empty until the invitation is accepted."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        DISABLED = "disabled", _("Disabled")
        RESIGNED = "resigned", _("Resigned")

    user = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="memberships")
    userid = models.CharField(_("account"), max_length=64, help_text=_("The WeCom userid; not case-sensitive."))
    name = models.CharField(_("name"), max_length=64)
    email = models.EmailField(_("e-mail"), blank=True)
    department = TenantForeignKey(
        Department, null=True, blank=True, related_name="members", verbose_name=_("department")
    )
    role = TenantForeignKey(Role, related_name="members", verbose_name=_("role"))
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.ACTIVE)
    invited_at = models.DateTimeField(_("invited"), null=True, blank=True)
    joined_at = models.DateTimeField(_("joined"), default=clock.now)
    left_at = models.DateTimeField(_("left"), null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta(TenantModel.Meta):
        verbose_name = _("member")
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint("enterprise_id", Lower("userid"), name="member_userid"),
            models.UniqueConstraint(fields=("enterprise_id", "user"), name="member_user"),
            models.UniqueConstraint(
                "enterprise_id", Lower("email"), condition=~models.Q(email=""), name="member_email_once"
            ),
        )
        indexes = (
            models.Index(fields=("enterprise_id", "department"), name="member_department"),
            models.Index(fields=("enterprise_id", "name", "id"), name="member_name"),
            models.Index(fields=("enterprise_id", "role"), name="member_role"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        return self.status == self.Status.ACTIVE


class AdminRange(TenantModel):
    """A department given to a graded admin (O4): they manage contacts of its owners, subtrees included."""

    member = TenantForeignKey(Member, related_name="ranges")
    department = TenantForeignKey(Department, related_name="admin_ranges")

    class Meta(TenantModel.Meta):
        constraints = (
            models.UniqueConstraint(fields=("enterprise_id", "member", "department"), name="admin_range_once"),
        )


class ApiToken(TenantModel):
    """A member's API token: only its digest is kept. The secret itself names the enterprise (docs/decisions/0002)."""

    member = TenantForeignKey(Member, related_name="tokens")
    name = models.CharField(_("name"), max_length=64)
    digest = models.CharField(max_length=64, editable=False)
    hint = models.CharField(max_length=8, editable=False)
    created_at = models.DateTimeField(_("created"), default=clock.now)
    expires_at = models.DateTimeField(_("expires"))
    last_used_at = models.DateTimeField(_("last used"), null=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True)

    class Meta(TenantModel.Meta):
        ordering = ("-created_at", "-id")
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "digest"), name="token_digest"),)
        indexes = (models.Index(fields=("enterprise_id", "member"), name="token_member"),)


class AuditEntry(TenantModel):
    """Who did what to whom, when and from where (X3). Written by services, never changed."""

    at = models.DateTimeField(default=clock.now)
    action = models.CharField(max_length=64)
    actor_kind = models.CharField(max_length=16)
    actor = TenantForeignKey(Member, null=True, related_name="+")
    actor_label = models.CharField(max_length=128)
    via = models.CharField(max_length=16)
    ip = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    subject_type = models.CharField(max_length=32)
    subject_id = models.UUIDField(null=True)
    subject_label = models.CharField(max_length=128, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        ordering = ("-at", "-id")
        indexes = (
            models.Index(fields=("enterprise_id", "-at", "-id"), name="audit_time"),
            models.Index(fields=("enterprise_id", "actor", "-at", "-id"), name="audit_actor"),
            models.Index(fields=("enterprise_id", "subject_id", "-at", "-id"), name="audit_subject"),
        )


class IdempotencyRecord(TenantModel):
    """The answer given to a POST that carried an Idempotency-Key, kept with the work it did (DESIGN.md 7)."""

    member = TenantForeignKey(Member, related_name="+")
    key = models.CharField(max_length=128)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.BinaryField()
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "member", "key"), name="idempotency_key"),)
        indexes = (models.Index(fields=("enterprise_id", "created_at"), name="idempotency_age"),)
