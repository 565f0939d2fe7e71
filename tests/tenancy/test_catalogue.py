"""The wall as the database knows it (X2, DESIGN.md 4.7): every table stands behind it, or on a list with a reason."""

import pytest
from django.apps import apps
from django.db import connection

from common.postgres.operations import anchored
from common.sql import dicts, rows
from common.tenancy import TenantModel

pytestmark = pytest.mark.django_db

GLOBAL = {
    "upstream_spacename": "names of spaces are unique over the installation (U2); it keeps digests, no names",
    "enterprises_enterprise": "the directory of tenants, read before a tenant is known; holds no customers",
    "enterprises_user": "people log in before a tenant is known and may belong to several",
    "enterprises_user_groups": "Django's admin, for the platform's operators",
    "enterprises_user_user_permissions": "Django's admin, for the platform's operators",
    "quota_tierprice": "the platform's price table",
    "django_migrations": "Django",
    "django_content_type": "Django",
    "django_admin_log": "what the platform's operators did",
    "django_session": "log-ins, before a tenant is known",
    "auth_group": "Django's admin",
    "auth_group_permissions": "Django's admin",
    "auth_permission": "Django's admin",
    "account_emailaddress": "allauth: addresses of users",
    "account_emailconfirmation": "allauth: addresses of users",
    "mfa_authenticator": "allauth: second factors of users",
    "guardian_groupobjectpermission": "unused: object rights stand in direct foreign-key tables",
    "guardian_userobjectpermission": "unused: object rights stand in direct foreign-key tables",
}


def tenant_models() -> list[type[TenantModel]]:
    return [model for model in apps.get_models() if issubclass(model, TenantModel)]


def test_x2_every_table_is_a_tenant_table_or_on_the_list():
    tables = {name for (name,) in rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert tables - {model._meta.db_table for model in tenant_models()} == set(GLOBAL)


@pytest.mark.parametrize("model", tenant_models(), ids=lambda model: model._meta.label)
def test_x2_tenant_table_stands_behind_the_wall(model):
    table = model._meta.db_table
    [security] = rows("SELECT relrowsecurity FROM pg_class WHERE relname = %(table)s", {"table": table})
    assert security == (True,)
    policies = dicts("SELECT policyname, cmd, qual, with_check FROM pg_policies WHERE tablename = %(t)s", {"t": table})
    assert policies == [
        {
            "policyname": "tenant_wall",
            "cmd": "ALL",
            "qual": "(enterprise_id = (current_setting('app.enterprise_id'::text))::uuid)",
            "with_check": None,
        }
    ]


@pytest.mark.parametrize("model", tenant_models(), ids=lambda model: model._meta.label)
def test_x2_keys_and_indexes_start_with_the_enterprise(model):
    table = model._meta.db_table
    indexes = rows(
        """
        SELECT i.indexrelid::regclass::text, i.indisprimary, pg_get_indexdef(i.indexrelid, 1, true),
               pg_get_indexdef(i.indexrelid, 2, true)
        FROM pg_index i WHERE i.indrelid = %(table)s::regclass
        """,
        {"table": table},
    )
    assert [(first, second) for _n, primary, first, second in indexes if primary] == [("enterprise_id", "id")]
    # Members are found by user before a tenant is known, by memberships_of().
    # Terms of search begin with a mark of the enterprise themselves.
    allowed = {"enterprises_member": {"user_id"}, "contacts_searchentry": {"terms"}}.get(table, set())
    assert {first for _n, _p, first, _s in indexes} - {"enterprise_id"} <= allowed


@pytest.mark.parametrize("model", tenant_models(), ids=lambda model: model._meta.label)
def test_x2_every_reference_between_tenant_tables_is_composite(model):
    constraints = {
        tuple(columns): (target, tuple(theirs))
        for columns, target, theirs in rows(
            """
            SELECT (SELECT array_agg(attname::text ORDER BY k.ord) FROM unnest(c.conkey) WITH ORDINALITY k(num, ord)
                    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.num),
                   c.confrelid::regclass::text,
                   (SELECT array_agg(attname::text ORDER BY k.ord) FROM unnest(c.confkey) WITH ORDINALITY k(num, ord)
                    JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.num)
            FROM pg_constraint c WHERE c.contype = 'f' AND c.conrelid = %(table)s::regclass
            """,
            {"table": model._meta.db_table},
        )
    }
    # A mandatory reference to another tenant's table leads to the directory already.
    expected = {} if anchored(model) else {("enterprise_id",): ("enterprises_enterprise", ("id",))}
    for field in model._meta.local_fields:
        if not field.is_relation:
            continue
        target = field.remote_field.model
        if issubclass(target, TenantModel):
            expected[("enterprise_id", field.column)] = (target._meta.db_table, ("enterprise_id", "id"))
        else:
            expected[(field.column,)] = (target._meta.db_table, ("id",))
    assert constraints == expected


def test_x2_the_program_logs_in_as_a_role_that_owns_nothing():
    [role] = dicts(
        """
        SELECT r.rolsuper, r.rolbypassrls, r.rolcreatedb, r.rolcreaterole,
               EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid) AS owns
        FROM pg_roles r WHERE r.rolname = current_user
        """
    )
    assert role == dict.fromkeys(role, False)
    assert connection.settings_dict["USER"] == "scrm_app"
