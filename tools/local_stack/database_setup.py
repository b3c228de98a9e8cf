"""Schema, users and grants of the local database, from the very files that serve on AWS."""

import json

import boto3
import pymysql

from tools.local_stack.state import ROOT, StackState

SQL = ROOT / "layers" / "yomawari" / "python" / "yomawari" / "adapters" / "mysql"
_SECRETS = (
    "DispatcherDatabaseSecretArn",
    "WriterDatabaseSecretArn",
    "ReaderDatabaseSecretArn",
    "SweeperDatabaseSecretArn",
)


def prepare(state: StackState) -> None:
    """Create database, tables and users, and grant; what exists stays, but for passwords and grants.

    Raises:
        pymysql.MySQLError: if a statement of schema.sql or grants.sql fails.
    """
    secrets = boto3.client("secretsmanager", **state.client_options())
    users = [json.loads(secrets.get_secret_value(SecretId=state.outputs[name])["SecretString"]) for name in _SECRETS]
    with state.database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{state.database.name}` CHARACTER SET utf8mb4")
        connection.select_db(state.database.name)
        _run_file(cursor, "schema.sql")
        for user in users:
            account = (user["username"], user["password"])
            cursor.execute("CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED BY %s REQUIRE SSL", account)
            cursor.execute("ALTER USER %s@'%%' IDENTIFIED BY %s", account)
        _run_file(cursor, "grants.sql")


def _run_file(cursor: pymysql.cursors.Cursor, name: str) -> None:
    """Run every statement of a file; without the loop the errors of all but the first would pass unseen."""
    cursor.execute((SQL / name).read_text(encoding="utf-8"))
    while cursor.nextset():
        pass
