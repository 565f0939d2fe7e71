"""Makes an enterprise whose sales staff hand over what they own; prints it as JSON."""

import json

import django

django.setup()

from common.tenancy import tenant  # noqa: E402
from enterprises.models import Department, User  # noqa: E402
from enterprises.services import create_enterprise  # noqa: E402
from tests import factories  # noqa: E402


def main() -> None:
    admin = User.objects.get(email="admin@example.com")
    enterprise = create_enterprise(name="在职交接零售", admin=admin, verified=True)
    owner = User.objects.create_user("giver@example.com", factories.PASSWORD, name="苏晴")
    with tenant(enterprise.pk):
        south = Department.objects.create(name="华南")
        giver = factories.member("苏晴", user=owner, department=south)
        taker, other = (factories.member(name, department=south) for name in ("何俊杰", "林雨桐"))
        for number in range(4):
            factories.contact(factories.actor(enterprise, giver), name=f"苏晴的客户{number}")
        factories.contact(factories.actor(enterprise, other), name="别人的客户")
        found = {"code": enterprise.code, "taker": str(taker.pk)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
