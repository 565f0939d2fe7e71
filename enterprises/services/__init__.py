"""Changes to an enterprise and its people, a module per noun. What other rooms use every day is named here."""

from enterprises.permissions import GRADED_ADMIN_ROLE as GRADED_ADMIN
from enterprises.permissions import STAFF_ROLE as STAFF
from enterprises.permissions import SUPER_ADMIN_ROLE as SUPER_ADMIN
from enterprises.services.enterprise import (
    builtin_role,
    create_enterprise,
    policy,
    rename_enterprise,
    set_status,
    set_verified,
    update_policy,
    zone,
)

__all__ = [
    "GRADED_ADMIN",
    "STAFF",
    "SUPER_ADMIN",
    "builtin_role",
    "create_enterprise",
    "policy",
    "rename_enterprise",
    "set_status",
    "set_verified",
    "update_policy",
    "zone",
]
