"""How many contacts the planner expects words to find: to know that they are very many without collecting them."""

from django.db import migrations

# Runs as the owner, whose statistics tell of terms; of an enterprise's own, since each begins with its mark. Volatile,
# because EXPLAIN is allowed in no other function; it executes nothing, and %L leaves the words a text.
EXPECTED = """
CREATE FUNCTION contacts_expected(wanted tsquery) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    plan json;
BEGIN
    PERFORM current_setting('app.enterprise_id')::uuid;
    EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM public.contacts_searchentry WHERE terms @@ %L::tsquery', wanted)
    INTO plan;
    RETURN (plan -> 0 -> 'Plan' ->> 'Plan Rows')::bigint;
END
$$;
REVOKE ALL ON FUNCTION contacts_expected(tsquery) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = (("contacts", "0016_lists"),)

    operations = (migrations.RunSQL(EXPECTED, "DROP FUNCTION contacts_expected(tsquery)"),)
