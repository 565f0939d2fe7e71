"""Make the runtime role of the program from the two database addresses."""

from __future__ import annotations

import os
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError

from common.postgres.roles import RoleError, ensure_runtime_role


class Command(BaseCommand):
    help = "Makes the role of DATABASE_URL, which owns nothing, and its rights, as DATABASE_OWNER_URL."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        owner, app = os.environ.get("DATABASE_OWNER_URL"), os.environ.get("DATABASE_URL")
        if not owner or not app:
            raise CommandError("Set DATABASE_OWNER_URL (owner of the tables) and DATABASE_URL (the program's role).")
        try:
            ensure_runtime_role(owner, app)
        except (RoleError, psycopg.OperationalError) as error:
            raise CommandError(str(error).strip()) from error
        self.stdout.write("The runtime role is ready. Next: python manage.py migrate --database owner")
