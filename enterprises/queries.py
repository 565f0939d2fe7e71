"""Lists of people as pages and API show them: one filter language for both (X1)."""

from collections.abc import Mapping
from datetime import datetime

from django.db.models import Count, Prefetch, Q, QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from common.asked import an_id
from common.errors import Invalid
from enterprises import audit, authority
from enterprises.actors import Actor
from enterprises.models import AdminRange, ApiToken, AuditEntry, Department, Member, Role

DEPARTMENT_FILTERS = ("search", "parent")
MEMBER_FILTERS = ("search", "department", "role", "status", "joined")
TOKEN_FILTERS = ("member",)
AUDIT_FILTERS = ("actor", "action", "subject", "subject_type", "from", "to")
NONE = "none"


def departments(query: Mapping[str, str]) -> QuerySet[Department]:
    """Departments with their leader and how many people are in each."""
    found = Department.objects.select_related("leader").annotate(
        present=Count("members", filter=~Q(members__status=Member.Status.RESIGNED))
    )
    if search := query.get("search", "").strip():
        found = found.filter(name__icontains=search)
    if parent := query.get("parent"):
        found = found.filter(parent=None if parent == NONE else an_id("parent", parent))
    return found


def members(query: Mapping[str, str]) -> QuerySet[Member]:
    """Members with role, department and ranges. A department's filter includes its subtree."""
    found = Member.objects.select_related("role", "department").prefetch_related(
        Prefetch("ranges", AdminRange.objects.select_related("department"))
    )
    if search := query.get("search", "").strip():
        found = found.filter(
            Q(name__icontains=search) | Q(userid__icontains=search) | Q(email__icontains=search.lower())
        )
    if department := query.get("department"):
        if department == NONE:
            found = found.filter(department=None)
        else:
            found = found.filter(department__in=authority.subtree([an_id("department", department)]))
    if role := query.get("role"):
        found = found.filter(role=an_id("role", role))
    if status := query.get("status"):
        if status not in Member.Status.values:
            raise Invalid({"status": [_("Choose one of the offered values.")]})
        found = found.filter(status=status)
    if joined := query.get("joined"):
        if joined not in ("true", "false"):
            raise Invalid({"joined": [_("Write true or false.")]})
        found = found.filter(user__isnull=joined == "false")
    return found


def roles() -> QuerySet[Role]:
    """Roles with how many people have them."""
    return Role.objects.annotate(
        present=Count("members", filter=~Q(members__status=Member.Status.RESIGNED)),
    )


def tokens(actor: Actor, query: Mapping[str, str]) -> QuerySet[ApiToken]:
    """Tokens that still exist: one's own, and those of the members one manages."""
    found = ApiToken.objects.select_related("member").filter(revoked_at=None)
    if not actor.may("members.manage"):
        found = found.filter(member_id=actor.member_id)
    else:
        managed = authority.managed_departments(actor)
        if managed is not None:
            found = found.filter(Q(member_id=actor.member_id) | Q(member__department__in=managed))
    if member := query.get("member"):
        found = found.filter(member=an_id("member", member))
    return found


def audit_entries(actor: Actor, query: Mapping[str, str]) -> QuerySet[AuditEntry]:
    """What happened, as far as the actor may know. `action` is a code, or an area such as `member.`."""
    found = audit.visible_to(actor)
    if who := query.get("actor"):
        found = found.filter(actor=an_id("actor", who))
    if action := query.get("action"):
        found = found.filter(action__startswith=action) if action.endswith(".") else found.filter(action=action)
    if subject := query.get("subject"):
        found = found.filter(subject_id=an_id("subject", subject))
    if subject_type := query.get("subject_type"):
        found = found.filter(subject_type=subject_type)
    if start := query.get("from"):
        found = found.filter(at__gte=_moment("from", start))
    if end := query.get("to"):
        found = found.filter(at__lt=_moment("to", end))
    return found


def _moment(field: str, value: str) -> datetime:
    try:
        found = parse_datetime(value)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Invalid({field: [_("Write a time such as 2026-06-15T12:00:00+08:00.")]})
    return found
