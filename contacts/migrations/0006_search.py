"""What contacts are found by, and the one function that reads it over the wall."""

import uuid_utils.compat
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import migrations, models

import common.tenancy
from common.postgres.operations import TenantTable

# Runs as the owner, so that the inverted index is used: ids of the enterprise in scope, and nothing else, come through.
# MATERIALIZED: the index of terms comes first, whatever share of all contacts the planner takes the enterprise for.
FOUND = """
CREATE FUNCTION contacts_found(wanted tsquery, most bigint) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH hit AS MATERIALIZED (
        SELECT e.enterprise_id, e.contact_id FROM public.contacts_searchentry e WHERE e.terms @@ wanted
    )
    SELECT contact_id FROM hit WHERE enterprise_id = current_setting('app.enterprise_id')::uuid LIMIT most
$$;
REVOKE ALL ON FUNCTION contacts_found(tsquery, bigint) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = (("contacts", "0005_import_refusals"),)

    operations = (
        migrations.RemoveIndex("contact", "contact_name_prefix"),
        migrations.RemoveIndex("contact", "contact_remark_prefix"),
        migrations.RemoveIndex("contact", "contact_company_prefix"),
        migrations.CreateModel(
            "SearchEntry",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("enterprise_id", models.UUIDField(default=common.tenancy.current_enterprise_id, editable=False)),
                ("terms", SearchVectorField()),
                ("fingerprint", models.UUIDField()),
                (
                    "contact",
                    common.tenancy.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=models.deletion.PROTECT,
                        related_name="+",
                        to="contacts.contact",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [models.UniqueConstraint(fields=("enterprise_id", "contact"), name="search_entry_once")],
                "indexes": [GinIndex(fields=["terms"], name="search_entry_terms")],
            },
        ),
        TenantTable("SearchEntry"),
        migrations.RunSQL(FOUND, "DROP FUNCTION contacts_found(tsquery, bigint)"),
    )
