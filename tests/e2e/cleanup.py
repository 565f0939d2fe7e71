"""What the browser test of the clean-up looks at: an enterprise of silent contacts; `now` ends the time to object."""

import json
import sys

import django

django.setup()

from datetime import timedelta  # noqa: E402

from common import clock  # noqa: E402
from common.tenancy import tenant  # noqa: E402
from contacts.services.silence import tag_inactive  # noqa: E402
from enterprises.models import Enterprise, User  # noqa: E402
from enterprises.services import create_enterprise, update_policy  # noqa: E402
from tests import factories  # noqa: E402

NAME = "静默零售"


def main() -> None:
    if "now" in sys.argv:
        enterprise = Enterprise.objects.get(name=NAME)
        with tenant(enterprise.pk):
            update_policy(factories.super_admin(enterprise), values={"veto_days": 0})
    else:
        admin = User.objects.get(email="admin@example.com")
        enterprise = create_enterprise(name=NAME, admin=admin, verified=True)
        with tenant(enterprise.pk):
            actor = factories.super_admin(enterprise)
            for number in range(5):
                factories.contact(actor, name=f"静默客户{number}", added_at=clock.now() - timedelta(days=200 + number))
            tag_inactive(clock.now())
    print(json.dumps({"code": enterprise.code}))


if __name__ == "__main__":
    main()
