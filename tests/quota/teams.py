"""What the tests of budgets share: a tree of departments with people, and a slow count of every budget."""

from types import SimpleNamespace

from contacts.models import Contact
from enterprises.actors import Actor
from enterprises.models import Department, Enterprise, Member
from quota import services
from quota.models import Budget
from tests import factories


def tree(enterprise: Enterprise) -> SimpleNamespace:
    """South with Shenzhen and Canton inside, and North; a member in each. The scope must be open."""
    south = Department.objects.create(name="华南")
    shenzhen = Department.objects.create(name="深圳", parent=south)
    canton = Department.objects.create(name="广州", parent=south)
    north = Department.objects.create(name="华北")
    people = {
        name: factories.member(name, department=department)
        for name, department in (("sue", south), ("sam", shenzhen), ("cal", canton), ("ned", north))
    }
    return SimpleNamespace(
        admin=factories.super_admin(enterprise),
        south=south,
        shenzhen=shenzhen,
        canton=canton,
        north=north,
        **people,
        **{f"as_{name}": factories.actor(enterprise, member) for name, member in people.items()},
    )


def budget(actor: Actor, department: Department, places: int) -> Budget:
    return services.create_budget(actor, department=department, places=places)


def served() -> dict[str, int]:
    """The counters of the budgets by the names of their departments."""
    return dict(Budget.objects.values_list("department__name", "served"))


def counted() -> dict[str, int]:
    """What they should be: every contact walks up from its owner's department, in Python."""
    parents = dict(Department.objects.values_list("pk", "parent_id"))
    names = {one.department_id: one.department.name for one in Budget.objects.select_related("department")}
    home = dict(Member.objects.values_list("pk", "department_id"))
    numbers = dict.fromkeys(names.values(), 0)
    for owner in Contact.objects.filter(status="active").values_list("owner_id", flat=True):
        department = home.get(owner)
        while department is not None:
            if department in names:
                numbers[names[department]] += 1
            department = parents[department]
    return numbers


def assert_true() -> None:
    """Q12, Q14: ledger = counter = contacts = budgets."""
    assert served() == counted()
    found = services.verify_counts()
    assert found["ok"] and "budgets" not in found, found
