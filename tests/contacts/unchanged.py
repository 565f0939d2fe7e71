"""A refusal leaves nothing behind: no place, no ledger row, no entry on a timeline, no audit entry."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import transaction

from common.errors import Refusal
from contacts.models import Contact, Follow, FollowTag, GroupChat, GroupMember, Interaction, Purchase, Tag, TagGroup
from enterprises.models import AuditEntry
from quota.models import Account, LedgerEntry

TABLES = (
    Account, AuditEntry, Contact, Follow, FollowTag, GroupChat, GroupMember, Interaction, LedgerEntry, Purchase, Tag,
    TagGroup,
)  # fmt: skip


def state() -> dict[str, list]:
    """Every row that the services of contacts may touch; the scope must be open."""
    return {model.__name__: list(model.objects.order_by("pk").values_list()) for model in TABLES}


@contextmanager
def refused(code: str, kind: type[Refusal] = Refusal) -> Iterator[pytest.ExceptionInfo]:
    """The block is refused with this code, and once it is rolled back as every caller does, nothing has changed."""
    before = state()
    with pytest.raises(kind) as caught, transaction.atomic():
        yield caught
    assert caught.value.code == code
    assert state() == before
