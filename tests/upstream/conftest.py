"""An enterprise with spaces. What is refused leaves nothing, as behind a view."""

import itertools
from contextlib import ExitStack

import pytest
from django.db import transaction

from common.tenancy import tenant
from enterprises.actors import Actor
from tests import factories
from upstream.models import Partner, PartnerContact, Space
from upstream.services import partners, people, spaces

_numbers = itertools.count(1)


@transaction.atomic
def make_space(actor: Actor, name: str | None = None, **fields) -> Space:
    return spaces.create_space(actor, name=f"空间{next(_numbers)}" if name is None else name, **fields)


@transaction.atomic
def make_partner(actor: Actor, space: Space, name: str | None = None, **fields) -> Partner:
    return partners.add_partner(actor, space=space, name=name or f"伙伴{next(_numbers)}", **fields)


@transaction.atomic
def make_person(actor: Actor, partner: Partner, name: str | None = None, **fields) -> PartnerContact:
    return people.add_person(actor, partner=partner, name=name or f"联系人{next(_numbers)}", **fields)


@pytest.fixture
def admin(enterprise, scope):
    """The super admin at work; the scope is open."""
    with scope():
        yield factories.super_admin(enterprise)


@pytest.fixture
def firm(enterprise):
    """An enterprise that writes to its partners (tests/upstream/messaging.py); the scope is open."""
    from tests.upstream.messaging import Firm

    with ExitStack() as stack:
        stack.enter_context(tenant(enterprise.pk))
        made = Firm(enterprise)
        made.open = stack
        yield made
