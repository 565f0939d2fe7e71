"""The WSGI application. Refuses to serve with a database role that the tenant wall would not hold."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")

application = get_wsgi_application()


def _check_role() -> None:
    from django.db import connection

    from common.postgres.roles import verify_runtime_role

    verify_runtime_role(connection)
    connection.close()


_check_role()
