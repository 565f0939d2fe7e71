#!/usr/bin/env python
"""Django's command line. Starts the embedded services for its own duration when nobody else runs them."""

import contextlib
import os
import sys

# Commands that start the services themselves, or need none.
WITHOUT_SERVICES = {"run", "messages", "collectstatic", "makemigrations", "help", "version"}
# Commands that work on the tables' structure, and so as their owner.
AS_OWNER = {"migrate", "showmigrations", "sqlmigrate"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from scrm import embedded

    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    with contextlib.ExitStack() as stack:
        database, redis = not os.environ.get("DATABASE_URL"), not os.environ.get("REDIS_URL")
        data = embedded.data_folder()
        if database and command in AS_OWNER:
            os.environ["DATABASE_OWNER_URL"] = embedded.urls(data).owner_url
        if command in AS_OWNER and "--database" not in sys.argv:
            if os.environ.get("DATABASE_OWNER_URL"):
                sys.argv += ["--database", "owner"]
            elif "--check" not in sys.argv:
                sys.exit(f"error: {command} needs DATABASE_OWNER_URL, the role that owns the tables.")
        if (database or redis) and command not in WITHOUT_SERVICES:
            try:
                stack.enter_context(embedded.ensure_running(data, postgres=database, redis=redis))
            except embedded.EmbeddedError as error:
                sys.exit(f"error: {error}")
        try:
            execute_from_command_line(sys.argv)
        except ImproperlyConfigured as error:
            sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
