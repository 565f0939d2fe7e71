"""`python manage.py create_enterprise --name N --admin-email E --admin-password P [--verified] [--timezone TZ]`."""

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email

from common.errors import Refusal
from enterprises.models import User
from enterprises.services import create_enterprise


class Command(BaseCommand):
    """Prints the id of the new enterprise."""

    help = "Create an enterprise with its first super admin."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True)
        parser.add_argument("--admin-email", required=True)
        parser.add_argument("--admin-password", required=True)
        parser.add_argument("--verified", action="store_true")
        parser.add_argument("--timezone", default="Asia/Shanghai")

    def handle(self, *args: Any, **options: Any) -> None:
        email = options["admin_email"].strip().lower()
        try:
            validate_email(email)
            user = User.objects.filter(email=email).first()
            made = user is None
            if user is None:
                validate_password(options["admin_password"])
                user = User.objects.create_user(email, options["admin_password"])
            elif not user.check_password(options["admin_password"]):
                raise CommandError("This e-mail address has an account with another password.")
            try:
                enterprise = create_enterprise(
                    name=options["name"],
                    admin=user,
                    verified=options["verified"],
                    timezone=options["timezone"],
                )
            except Refusal:
                if made:
                    user.delete()
                raise
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except Refusal as error:
            raise CommandError(str(error)) from error
        self.stdout.write(str(enterprise.pk))
