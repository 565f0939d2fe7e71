"""Accounts of people: made by sign-up and invitation, after the e-mail address is proved."""

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Invalid
from enterprises.models import User


def create_account(*, email: str, name: str, password: str, **fields: Any) -> User:
    """Make a person who proved this address.

    Raises Invalid for a weak password, Conflict (`account_exists`) for an address that has an account.
    """
    user = User(email=email.strip().lower(), name=" ".join(name.split())[:64], **fields)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid({"password": error.messages}) from error
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
            EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    except IntegrityError as error:
        raise Conflict(_("This address has an account already; log in with it."), code="account_exists") from error
    return user
