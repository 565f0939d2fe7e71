#!/bin/sh
# Runs once, when the PostgreSQL container makes its files: the owner of the tables, who is not a superuser.
# The role that the program runs as is made from it by the migrate step (manage.py bootstrap_database).
set -eu
psql -v ON_ERROR_STOP=1 -v password="$SCRM_OWNER_PASSWORD" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE scrm_owner LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE scrm OWNER scrm_owner;
SQL
