"""What the browser tests of follow-ups, tags and losses look at: an enterprise whose members look after customers."""

import json

import django

django.setup()

from datetime import timedelta  # noqa: E402

from common import clock  # noqa: E402
from common.tenancy import tenant  # noqa: E402
from contacts.services import follow_ups, tags  # noqa: E402
from contacts.services.relations import end_follow  # noqa: E402
from enterprises.models import User  # noqa: E402
from enterprises.services import create_enterprise  # noqa: E402
from tests import factories  # noqa: E402

DAY = timedelta(days=1)


def main() -> None:
    admin = User.objects.get(email="admin@example.com")
    enterprise = create_enterprise(name="随访零售", admin=admin, verified=True)
    now = clock.now()
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        group = tags.create_tag_group(actor, name="意向", tags=["高", "很高"], colour="red")
        made = [factories.contact(actor, name=f"客户{name}", added_at=now - 175 * DAY) for name in "甲乙丙丁"]
        tags.tag_contact(actor, contact=made[0], add=[group.tags.get(name="很高")])
        with clock.at(now - 3 * DAY):
            follow_ups.write(actor, contact=made[0], text="寄了小样", next_at=now - DAY)
        for contact, by in ((made[2], "contact"), (made[3], "member")):
            end_follow(actor, contact=contact, member=actor.member, by=by, at=now - 2 * DAY)
    print(json.dumps({"code": enterprise.code, "contacts": [str(one.pk) for one in made]}))


if __name__ == "__main__":
    main()
