"""Follows and grants know when their contact was added, so that an index holds somebody's contacts by date (0015)."""

from django.db import migrations, models

# FOR KEY SHARE waits for a merge, which locks the contact against it, and makes a merge wait for this row.
TAKE = """
CREATE FUNCTION contact_added_at_taken() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT added_at INTO NEW.contact_added_at FROM public.contacts_contact
    WHERE enterprise_id = NEW.enterprise_id AND id = NEW.contact_id FOR KEY SHARE;
    RETURN NEW;
END
$$;
CREATE TRIGGER contact_added_at BEFORE INSERT OR UPDATE OF contact_id ON contacts_follow
    FOR EACH ROW EXECUTE FUNCTION contact_added_at_taken();
CREATE TRIGGER contact_added_at BEFORE INSERT OR UPDATE OF contact_id ON contacts_grant
    FOR EACH ROW EXECUTE FUNCTION contact_added_at_taken();
"""
FOLLOW_SUIT = """
CREATE FUNCTION contact_added_at_followed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE public.contacts_follow SET contact_added_at = NEW.added_at
    WHERE enterprise_id = NEW.enterprise_id AND contact_id = NEW.id;
    UPDATE public.contacts_grant SET contact_added_at = NEW.added_at
    WHERE enterprise_id = NEW.enterprise_id AND contact_id = NEW.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER contact_added_at AFTER UPDATE OF added_at ON contacts_contact
    FOR EACH ROW WHEN (OLD.added_at <> NEW.added_at) EXECUTE FUNCTION contact_added_at_followed();
"""
TABLES = ("follow", "grant")


def fill(table: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"""
        UPDATE contacts_{table} AS relation SET contact_added_at = contact.added_at FROM contacts_contact AS contact
        WHERE contact.enterprise_id = relation.enterprise_id AND contact.id = relation.contact_id
        """,  # noqa: S608
        migrations.RunSQL.noop,
    )


def index(table: str, *include: str) -> migrations.AddIndex:
    fields = ["enterprise_id", "member", "contact_added_at", "contact"]
    return migrations.AddIndex(table, models.Index(fields=fields, include=include, name=f"{table}_member"))


class Migration(migrations.Migration):
    dependencies = (("contacts", "0017_search_expected"),)

    operations = (
        *(migrations.RemoveIndex(table, f"{table}_member") for table in TABLES),
        *(
            migrations.AddField(table, "contact_added_at", models.DateTimeField(editable=False, null=True))
            for table in TABLES
        ),
        *(fill(table) for table in TABLES),
        *(migrations.AlterField(table, "contact_added_at", models.DateTimeField(editable=False)) for table in TABLES),
        index("follow", "state"),
        index("grant", "expires_at"),
        migrations.RunSQL(TAKE, "DROP FUNCTION contact_added_at_taken() CASCADE"),
        migrations.RunSQL(FOLLOW_SUIT, "DROP FUNCTION contact_added_at_followed() CASCADE"),
    )
