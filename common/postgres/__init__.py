"""The database backend (`ENGINE = "common.postgres"`), its migration operation and its roles."""
