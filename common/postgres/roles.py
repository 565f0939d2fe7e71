"""The two log-in roles: the owner makes and owns the tables, the program's role only uses them.

Row-level security holds the program because its role owns nothing and may bypass nothing (DESIGN.md 4.2).
``ensure_runtime_role`` makes that arrangement, ``verify_runtime_role`` refuses any other.
Everything here works on PostgreSQL 15 to 18 and needs no superuser: an owner with CREATEROLE is enough, or a
role made beforehand.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

SCHEMA = "public"
_ATTEMPTS = 5  # two processes may alter the same catalogue row at the same time


class RoleError(RuntimeError):
    """The database roles are not arranged so that tenants are kept apart."""


def ensure_runtime_role(owner_conninfo: str, app_conninfo: str) -> None:
    """Make the role that ``app_conninfo`` logs in with and give it its rights in the owner's database.

    Can be repeated at any time. Raises RoleError when the owner may not do what is needed (the text says
    what a superuser has to run), psycopg.OperationalError when the server does not answer.
    """
    app = conninfo_to_dict(app_conninfo)
    role, password = app.get("user"), app.get("password")
    if not role:
        raise RoleError("DATABASE_URL names no user: it must name the role that the program runs as.")
    with psycopg.connect(owner_conninfo, autocommit=True) as owner:
        if owner.info.user == role:
            raise RoleError(
                f'DATABASE_URL and DATABASE_OWNER_URL both log in as "{role}": the program must not own its tables.'
            )
        for attempt in range(_ATTEMPTS):
            try:
                _ensure_role(owner, str(role), str(password) if password else None, _can_log_in(owner, app_conninfo))
                with owner.transaction(), owner.cursor() as cursor:
                    grant_runtime_rights(cursor, str(role))
                return
            except (
                psycopg.errors.InternalError_,
                psycopg.errors.UniqueViolation,
                psycopg.errors.DuplicateObject,
            ):
                # "tuple concurrently updated": somebody else does the same right now.
                if attempt == _ATTEMPTS - 1:
                    raise
            except psycopg.errors.InsufficientPrivilege as error:
                raise RoleError(
                    f'The owner "{owner.info.user}" may not set up the role "{role}" '
                    f"({error.diag.message_primary}). "
                    f"Let a superuser run: CREATE ROLE {role} LOGIN PASSWORD '…'; "
                    f"ALTER DATABASE {owner.info.dbname} OWNER TO {owner.info.user};"
                ) from error


def _can_log_in(owner: psycopg.Connection, app_conninfo: str) -> bool:
    try:
        psycopg.connect(make_conninfo(app_conninfo, dbname=owner.info.dbname, connect_timeout=5)).close()
    except psycopg.OperationalError:
        return False
    return True


def _ensure_role(owner: psycopg.Connection, role: str, password: str | None, can_log_in: bool) -> None:
    """Create the role or take away what it must not have.

    Only the attributes that are wrong are named: PostgreSQL refuses to a non-superuser even the words
    NOSUPERUSER and NOBYPASSRLS.
    """
    row = owner.execute(
        "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication, rolcanlogin"
        " FROM pg_roles WHERE rolname = %s",
        [role],
    ).fetchone()
    words: list[str] = []
    if row is None:
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
    else:
        superuser, bypass, createdb, createrole, replication, login = row
        wrong = {
            "NOSUPERUSER": superuser,
            "NOBYPASSRLS": bypass,
            "NOCREATEDB": createdb,
            "NOCREATEROLE": createrole,
            "NOREPLICATION": replication,
            "LOGIN": not login,
        }
        words = [word for word, is_wrong in wrong.items() if is_wrong]
    clauses: list[sql.Composable] = [sql.SQL(word) for word in words]
    if password and not can_log_in:
        clauses.append(sql.SQL("PASSWORD {}").format(sql.Literal(password)))
    if clauses:
        owner.execute(sql.SQL("ALTER ROLE {} {}").format(sql.Identifier(role), sql.SQL(" ").join(clauses)))


def grant_runtime_rights(cursor: Any, role: str, *, schema: str = SCHEMA) -> None:
    """Give ``role`` its rights in the cursor's database, on what exists and on what the owner makes later.

    The cursor (of psycopg or of Django) is the owner's. Neither TRUNCATE nor CREATE nor REFERENCES is given.
    """
    cursor.execute("SELECT current_database(), session_user")
    database, owner = cursor.fetchone()
    names = {
        "role": sql.Identifier(role),
        "owner": sql.Identifier(owner),
        "schema": sql.Identifier(schema),
        "database": sql.Identifier(database),
    }
    statements = [
        "GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {role}",
        "GRANT USAGE ON SCHEMA {schema} TO {role}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {role}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema}"
        " GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} GRANT USAGE ON SEQUENCES TO {role}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} GRANT EXECUTE ON FUNCTIONS TO {role}",
    ]
    cursor.execute("SELECT has_schema_privilege(%s, %s, 'CREATE')", [role, schema])
    if cursor.fetchone()[0]:
        # Databases brought over from PostgreSQL 14 or older let everybody create in "public".
        statements.insert(0, "REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, {role}")
    for statement in statements:
        cursor.execute(sql.SQL(statement).format(**names))


_CHECKS = """
WITH me AS (
    SELECT oid, rolname, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = session_user
),
own_schema AS (
    SELECT oid, nspname, nspowner FROM pg_namespace
    WHERE nspname NOT LIKE 'pg\\_%%' AND nspname <> 'information_schema'
),
relation AS (
    SELECT c.oid, c.relowner, c.relkind FROM pg_class c JOIN own_schema s ON s.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
),
owner AS (
    SELECT datdba AS oid FROM pg_database WHERE datname = current_database()
    UNION SELECT relowner FROM relation
    UNION SELECT nspowner FROM own_schema
    UNION SELECT p.proowner FROM pg_proc p JOIN own_schema s ON s.oid = p.pronamespace
)
SELECT me.rolname::text,
       current_user <> session_user,
       me.rolsuper,
       me.rolbypassrls,
       me.rolcreaterole,
       (SELECT string_agg(DISTINCT o.rolname, ', ') FROM pg_roles o
         WHERE o.oid <> me.oid AND o.rolname <> 'pg_database_owner' AND pg_has_role(me.oid, o.oid, 'MEMBER')
           AND (o.rolsuper OR o.rolbypassrls OR o.oid IN (SELECT oid FROM owner))),
       (SELECT string_agg(r.oid::regclass::text, ', ') FROM relation r WHERE r.relowner = me.oid),
       (SELECT string_agg(s.nspname, ', ') FROM own_schema s WHERE s.nspowner = me.oid),
       (SELECT string_agg(p.proname, ', ') FROM pg_proc p JOIN own_schema s ON s.oid = p.pronamespace
         WHERE p.proowner = me.oid),
       EXISTS (SELECT FROM pg_database WHERE datname = current_database() AND datdba = me.oid),
       (SELECT string_agg(r.oid::regclass::text, ', ') FROM relation r
         WHERE r.relkind IN ('r', 'p') AND has_table_privilege(me.oid, r.oid, 'TRUNCATE')),
       (SELECT string_agg(s.nspname, ', ') FROM own_schema s
         WHERE has_schema_privilege(me.oid, s.oid, 'CREATE'))
  FROM me
"""


def verify_runtime_role(connection: Any) -> None:
    """Raise RoleError unless the role that ``connection`` logged in with is held by row-level security.

    ``connection`` is Django's or psycopg's. All faults are named at once.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CHECKS, [])
        (
            role,
            switched,
            superuser,
            bypass,
            createrole,
            mighty,
            tables,
            schemas,
            functions,
            database,
            truncate,
            create,
        ) = cursor.fetchone()
    faults = []
    if superuser:
        faults.append("is a superuser")
    else:  # a superuser may do everything else anyway: one fault says it all
        faults += [] if not bypass else ["has BYPASSRLS"]
        faults += [] if not createrole else ["has CREATEROLE"]
        faults += [] if not mighty else [f"is a member of {mighty}"]
        faults += [] if not database else ["owns the database"]
        faults += [] if not schemas else [f"owns the schema {_short(schemas)}"]
        faults += [] if not tables else [f"owns {_short(tables)}"]
        faults += [] if not functions else [f"owns the function {_short(functions)}"]
        faults += [] if not truncate else [f"may TRUNCATE {_short(truncate)}"]
        faults += [] if not create else [f"may create in the schema {_short(create)}"]
    if switched:
        faults.append("switches to another role after log-in")
    if faults:
        raise RoleError(
            f'The database role "{role}" would not be held by row-level security: it {"; it ".join(faults)}. '
            "DATABASE_URL must log in as the runtime role, made with `python manage.py bootstrap_database`."
        )


def _short(names: str, most: int = 3) -> str:
    listed = names.split(", ")
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")
