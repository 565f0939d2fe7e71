"""The search asks the index what it answers quickly, and looks at the rest in the rows."""

from django.db import migrations

# Runs as the owner, so that the inverted index is used: ids of the enterprise in scope, and nothing else, come through.
# What is sought, if anything, is looked at when it is not too many; else the index is asked all that is wanted. OFFSET 0
# and the setting: the index comes first, whatever the planner expects. To be called in FROM: in a list of columns every
# row costs a call.
FOUND = """
CREATE FUNCTION contacts_found(sought tsquery, wanted tsquery, most bigint) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
    WITH near AS MATERIALIZED (
        SELECT e.enterprise_id, e.contact_id, e.terms @@ wanted AS fits
        FROM public.contacts_searchentry e WHERE sought <> wanted AND e.terms @@ sought LIMIT 8001
    ), far AS (SELECT coalesce(sought = wanted, true) OR count(*) > 8000 AS needed FROM near)
    SELECT contact_id FROM (
        SELECT enterprise_id, contact_id FROM near WHERE fits AND NOT (SELECT needed FROM far)
        UNION ALL (
            SELECT e.enterprise_id, e.contact_id FROM public.contacts_searchentry e
            WHERE e.terms @@ wanted AND (SELECT needed FROM far) OFFSET 0
        )
    ) AS hit
    WHERE enterprise_id = current_setting('app.enterprise_id')::uuid LIMIT most
$$;
REVOKE ALL ON FUNCTION contacts_found(tsquery, tsquery, bigint) FROM PUBLIC;
"""
FORMER = """
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
    dependencies = (("contacts", "0018_relations_by_date"),)

    operations = (
        migrations.RunSQL("DROP FUNCTION contacts_found(tsquery, bigint)", FORMER),
        migrations.RunSQL(FOUND, "DROP FUNCTION contacts_found(tsquery, tsquery, bigint)"),
    )
