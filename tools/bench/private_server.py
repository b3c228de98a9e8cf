"""A private MariaDB server with as many databases as wanted: for the benchmarks, and for the component tests."""

import os
import secrets
from pathlib import Path

import yomawari.adapters.mysql
from tools.local_stack import mariadb, processes
from tools.local_stack.state import Database as Admin
from yomawari.adapters.mysql.connection import Database

_SCHEMA = Path(yomawari.adapters.mysql.__file__).with_name("schema.sql")
_START_TIMEOUT_S = 60.0


class PrivateServer:
    """A server that keeps its files in a directory, and ends with this process at the latest."""

    def __init__(self, directory: Path) -> None:
        (port,) = processes.free_ports(1)
        self.admin = Admin(port=port, password=secrets.token_hex(16), tls_ca=directory / "tls" / "ca.pem")
        self._directory = directory
        mariadb.initialise(directory, self.admin, os.environ)
        self.start()

    def start(self) -> None:
        """Start it, after `stop` on the same data and port; it answers when this returns."""
        self._part = mariadb.start(self._directory, self.admin, os.environ, tied=True)
        processes.wait_until(self._part, lambda: mariadb.answers(self.admin), _START_TIMEOUT_S)

    def stop(self) -> None:
        """Stop it; everybody's connection is lost."""
        processes.stop([self._part])

    def execute(self, sql: str) -> None:
        """Run statements as the administrator."""
        with self.admin.connect() as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            while cursor.nextset():
                pass
            connection.commit()

    def fresh(self, name: str) -> Database:
        """An empty database with the project's schema, and a user of its own with no right beyond it."""
        password = secrets.token_hex(16)
        self.execute(
            f"CREATE DATABASE `{name}`; USE `{name}`; {_SCHEMA.read_text(encoding='utf-8')}"
            f"CREATE USER '{name}'@'127.0.0.1' IDENTIFIED BY '{password}';"
            f"GRANT ALL ON `{name}`.* TO '{name}'@'127.0.0.1'"
        )
        return Database(self.admin.host, self.admin.port, name, name, password, str(self.admin.tls_ca))

    def drop(self, database: Database) -> None:
        """Remove what `fresh` made."""
        self.execute(f"DROP DATABASE `{database.name}`; DROP USER '{database.user}'@'127.0.0.1'")
