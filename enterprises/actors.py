"""Who acts: the first argument of every service."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from common.errors import Forbidden

if TYPE_CHECKING:
    from enterprises.models import Enterprise, Member

Via = Literal["console", "api", "job", "command", "platform"]


@dataclass(frozen=True)
class Actor:
    """A member, or the system, acting in one enterprise; and from where."""

    enterprise: "Enterprise"
    member: "Member | None" = None
    via: Via = "job"
    ip: str | None = None
    request_id: str = ""
    job_id: UUID | None = None
    label: str = "system"
    throttle_key: str = ""
    looking: "Member | None" = None  # who looks through this member's eyes (enterprises.view_as)

    @classmethod
    def of(cls, enterprise: "Enterprise", member: "Member", via: Via, **origin: str | None) -> "Actor":
        """A member acting through the console or the API."""
        return cls(enterprise, member, via, label=member.name, throttle_key=str(member.pk), **origin)  # type: ignore[arg-type]

    @classmethod
    def system(cls, enterprise: "Enterprise", via: Via = "job", label: str = "system") -> "Actor":
        """The product itself: jobs, commands, the platform's operator. May do everything."""
        return cls(enterprise, None, via, label=label)

    @classmethod
    def operator(cls, enterprise: "Enterprise", label: str, **origin: str | None) -> "Actor":
        """An operator of the platform at work in the back office."""
        return cls(enterprise, None, "platform", label=label, **origin)  # type: ignore[arg-type]

    @property
    def kind(self) -> str:
        """For the audit trail: member, operator or system."""
        if self.member is not None:
            return "member"
        return "operator" if self.via == "platform" else "system"

    @property
    def member_id(self) -> UUID | None:
        return self.member.pk if self.member is not None else None

    @property
    def sees_all(self) -> bool:
        """Does the actor see the whole enterprise (O4)?"""
        return self.member is None or self.member.role.scope == "all"

    def may(self, code: str) -> bool:
        """Does the role give this permission code?"""
        return self.member is None or code in self.member.role.codes

    def require(self, code: str) -> None:
        """Raise Forbidden unless the role gives this permission code."""
        if not self.may(code):
            raise Forbidden(permission=code)

    def in_job(self, job_id: UUID) -> "Actor":
        """The same actor at work in a job."""
        return replace(self, via="job", job_id=job_id)
