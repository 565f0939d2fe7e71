"""Makes an enterprise in which somebody is about to leave; prints it as JSON."""

import json

import django

django.setup()

from common.tenancy import tenant  # noqa: E402
from contacts.models import GroupChat  # noqa: E402
from enterprises.models import Department, User  # noqa: E402
from enterprises.services import create_enterprise  # noqa: E402
from tests import factories  # noqa: E402


def main() -> None:
    admin = User.objects.get(email="admin@example.com")
    enterprise = create_enterprise(name="交接零售", admin=admin, verified=True)
    with tenant(enterprise.pk):
        south = Department.objects.create(name="华南")
        leaver, ann, bob = (factories.member(name, department=south) for name in ("吴静", "何俊杰", "林雨桐"))
        for number in range(7):
            factories.contact(factories.actor(enterprise, leaver), name=f"客户{number}")
        GroupChat.objects.create(chat_id="wr-e2e", name="福利群", owner=leaver)
        found = {"code": enterprise.code, "leaver": str(leaver.pk), "takers": [str(ann.pk), str(bob.pk)]}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
