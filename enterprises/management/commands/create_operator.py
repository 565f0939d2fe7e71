"""`python manage.py create_operator --email E --password P`: somebody of the platform, for the back office."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.errors import Refusal
from enterprises.models import User
from enterprises.services.accounts import create_account


class Command(BaseCommand):
    """Prints what to do next."""

    help = "Create an operator of the platform, or make an existing account one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--password", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        email = options["email"].strip().lower()
        user = User.objects.filter(email=email).first()
        if user is None:
            try:
                user = create_account(email=email, name="", password=options["password"])
            except Refusal as refusal:
                raise CommandError(str(refusal)) from refusal
        elif not user.check_password(options["password"]):
            raise CommandError("This e-mail address has an account with another password.")
        User.objects.filter(pk=user.pk).update(is_staff=True)
        self.stdout.write(
            f"{email} is an operator. Next: log in at {settings.PUBLIC_URL}/platform/ with this password; the page"
            " asks to set up a second factor with an authenticator app. Keep the recovery codes it shows.",
        )
