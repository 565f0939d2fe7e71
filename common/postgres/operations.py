"""The migration operation that puts a table behind the wall (DESIGN.md 4.5)."""

from typing import Any

from django.db.migrations.operations.base import Operation

from common.tenancy import TenantForeignKey

POLICY = "tenant_wall"
SETTING = "current_setting('app.enterprise_id')::uuid"
DIRECTORY = "enterprises_enterprise"


class TenantTable(Operation):
    """Primary key (enterprise_id, id), row-level security with one policy, composite foreign keys.

    Run it once after CreateModel. `later` names foreign keys whose target table stands behind the wall only
    later in the plan (cycles); TenantForeignKeys adds those.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(self, model: str, later: tuple[str, ...] = ()) -> None:
        self.model = model
        self.later = later

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.model], ({"later": self.later} if self.later else {})

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def describe(self) -> str:
        return f"Put {self.model} behind the tenant wall"

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model)
        table = model._meta.db_table
        execute = schema_editor.execute
        execute(f'ALTER TABLE "{table}" DROP CONSTRAINT "{table}_pkey"')
        execute(f'ALTER TABLE "{table}" ADD PRIMARY KEY (enterprise_id, id)')
        if not anchored(model):
            execute(
                f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_enterprise_fk" '
                f'FOREIGN KEY (enterprise_id) REFERENCES "{DIRECTORY}" (id)'
            )
        execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
        execute(f'CREATE POLICY {POLICY} ON "{table}" USING (enterprise_id = {SETTING})')
        for field in tenant_foreign_keys(model):
            if field.name not in self.later:
                execute(add_foreign_key(model, field))

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = from_state.apps.get_model(app_label, self.model)
        table = model._meta.db_table
        for field in tenant_foreign_keys(model):
            schema_editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{foreign_key_name(model, field)}"')
        schema_editor.execute(f'DROP POLICY {POLICY} ON "{table}"')
        schema_editor.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY')
        schema_editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{table}_enterprise_fk"')
        schema_editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT "{table}_pkey"')
        schema_editor.execute(f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_pkey" PRIMARY KEY (id)')


class TenantForeignKeys(Operation):
    """Add the composite constraints of fields that came after the table (AddField, or a cycle)."""

    reduces_to_sql = True
    reversible = True

    def __init__(self, model: str, fields: tuple[str, ...]) -> None:
        self.model = model
        self.fields = fields

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.model, self.fields], {}

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def describe(self) -> str:
        return f"Tie {', '.join(self.fields)} of {self.model} to the same enterprise"

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model)
        for name in self.fields:
            schema_editor.execute(add_foreign_key(model, model._meta.get_field(name)))

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = from_state.apps.get_model(app_label, self.model)
        for name in self.fields:
            constraint = foreign_key_name(model, model._meta.get_field(name))
            schema_editor.execute(f'ALTER TABLE "{model._meta.db_table}" DROP CONSTRAINT "{constraint}"')


def tenant_foreign_keys(model: Any) -> list[TenantForeignKey]:
    """The fields of a (historical) model that need a composite constraint."""
    return [field for field in model._meta.local_fields if isinstance(field, TenantForeignKey)]


def anchored(model: Any) -> bool:
    """Does a mandatory reference to another tenant table say already that the enterprise exists?

    Then a key to the directory would only be checked once more for each row of the largest tables.
    """
    return any(not field.null and field.related_model is not model for field in tenant_foreign_keys(model))


def foreign_key_name(model: Any, field: Any) -> str:
    """The name of a field's composite constraint; the catalogue test looks for it."""
    return f"{model._meta.db_table}_{field.column}_fk"[:63]


def add_foreign_key(model: Any, field: Any) -> str:
    """SQL of one composite constraint. Checked at once, not at commit: bulk work keeps no event queue."""
    target = field.remote_field.model._meta.db_table
    return (
        f'ALTER TABLE "{model._meta.db_table}" ADD CONSTRAINT "{foreign_key_name(model, field)}" '
        f'FOREIGN KEY (enterprise_id, "{field.column}") REFERENCES "{target}" (enterprise_id, id)'
    )
