"""A private MariaDB (or MySQL) server: its own data, a free port on 127.0.0.1, TLS with a CA of its own."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pymysql

from tools.local_stack import processes
from tools.local_stack.certificates import write_certificates
from tools.local_stack.errors import LocalStackError
from tools.local_stack.state import Database, Part

NAME = "MariaDB"
_DEBIAN_PACKAGES = ("mariadb-server-core", "mariadb-client-core")
# Debian keeps servers out of an ordinary user's PATH.
_SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin", "/usr/libexec"])
# Sized for bulk work on a developer's machine. Not flushing at each commit is for this machine only: production keeps
# the default, for a commit that a power cut undoes would be a lost answer.
_SETTINGS = (
    "--no-defaults",
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--innodb-buffer-pool-size=512M",
    "--innodb-log-file-size=256M",
    "--innodb-flush-log-at-trx-commit=2",
    "--max-allowed-packet=64M",
    "--max-connections=200",
    "--character-set-server=utf8mb4",
)


def initialise(directory: Path, database: Database, env: Mapping[str, str]) -> None:
    """Set up an empty server's data, its certificates and its administrator, who comes from 127.0.0.1 only.

    Raises:
        LocalStackError: if the machine has no server and none can be installed, or the setup fails.
    """
    server = _server(env, directory / "logs" / "mariadb-install.log")
    processes.run(NAME, _setup_command(server, directory / "db"), env, directory / "logs" / "mariadb-setup.log")
    write_certificates(directory / "tls")
    first = directory / "db-init.sql"
    first.touch(mode=0o600)
    # The server runs it at every start, one statement a line, as MySQL wants it.
    first.write_text(
        f"CREATE USER IF NOT EXISTS '{database.user}'@'127.0.0.1' IDENTIFIED BY '{database.password}';\n"
        f"GRANT ALL ON *.* TO '{database.user}'@'127.0.0.1' WITH GRANT OPTION;\n"
    )


def start(directory: Path, database: Database, env: Mapping[str, str], *, tied: bool) -> Part:
    """Start the server on what `initialise` set up, or on what an earlier start left."""
    command = [
        _server(env, directory / "logs" / "mariadb-install.log"),
        *_SETTINGS,
        *_as_root(),
        f"--datadir={directory / 'db'}",
        f"--port={database.port}",
        "--socket=db.sock",  # within the data directory: an absolute path may be too long for a socket
        f"--pid-file={directory / 'db' / 'db.pid'}",
        f"--init-file={directory / 'db-init.sql'}",
        f"--ssl-ca={database.tls_ca}",
        f"--ssl-cert={directory / 'tls' / 'server.pem'}",
        f"--ssl-key={directory / 'tls' / 'server.key'}",
    ]
    return processes.start(NAME, command, env, directory / "logs" / "mariadb.log", tied=tied)


def answers(database: Database) -> bool:
    """Whether the server is up and knows its administrator."""
    try:
        database.connect().close()
    except pymysql.err.OperationalError:
        return False
    return True


def _server(env: Mapping[str, str], log: Path) -> str:
    if (found := _find("mariadbd", "mysqld")) is not None:
        return found
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        raise LocalStackError(
            "MariaDB: neither mariadbd nor mysqld is on this machine, and installing it needs root and apt-get. "
            f"Install one of them, on Debian: apt-get install {' '.join(_DEBIAN_PACKAGES)}"
        )
    quiet = {**env, "DEBIAN_FRONTEND": "noninteractive"}
    processes.run(NAME, [apt, "update"], quiet, log)
    processes.run(NAME, [apt, "install", "-y", "--no-install-recommends", *_DEBIAN_PACKAGES], quiet, log)
    if (found := _find("mariadbd")) is None:
        raise LocalStackError.of(NAME, "no mariadbd after its installation", log)
    return found


def _setup_command(server: str, data: Path) -> Sequence[str]:
    if "MariaDB" in subprocess.run([server, "--version"], capture_output=True, text=True, check=True).stdout:
        install = _find("mariadb-install-db", "mysql_install_db")
        if install is None:
            raise LocalStackError(f"MariaDB: {server} is there, but not its mariadb-install-db")
        return [
            install, "--no-defaults", f"--datadir={data}", "--skip-test-db", "--auth-root-authentication-method=normal",
            *_as_root(),
        ]  # fmt: skip
    return [server, "--no-defaults", "--initialize-insecure", f"--datadir={data}", *_as_root()]


def _as_root() -> list[str]:
    """The server refuses to run as root unless told so; root is who runs containers."""
    return ["--user=root"] if os.geteuid() == 0 else []


def _find(*names: str) -> str | None:
    return next((path for name in names if (path := shutil.which(name, path=_SEARCH_PATH))), None)
