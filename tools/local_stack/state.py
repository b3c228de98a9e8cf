"""What is known of a running stack, kept in `.local/<name>/stack.json` so that any later process can use or stop it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymysql
from pydantic import BaseModel
from pymysql.constants import CLIENT

from tools.local_stack.errors import LocalStackError

if TYPE_CHECKING:
    from pymysql.connections import Connection

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".local"
# Kept when a stack goes down, for the next one: built layers, pip's wheels.
CACHE = LOCAL / "cache"
REGION = "ap-northeast-1"


class Part(BaseModel):
    """A process of the stack, known by the guard that owns it (see guard.py)."""

    name: str
    guard_pid: int
    log: Path


class Database(BaseModel):
    """How to reach MySQL as its administrator, and the CA that vouches for it."""

    host: str = "127.0.0.1"
    port: int
    name: str = "yomawari"
    user: str = "yomawari_admin"
    password: str
    tls_ca: Path

    def connect(self) -> "Connection[pymysql.cursors.Cursor]":
        """A connection with every right, TLS verified, several statements at once allowed, no default database."""
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            ssl_ca=str(self.tls_ca),
            ssl_verify_cert=True,
            ssl_verify_identity=True,
            client_flag=CLIENT.MULTI_STATEMENTS,
            charset="utf8mb4",
        )


class StackState(BaseModel):
    """A stack: its processes, and what a client needs to speak with them.

    Attributes:
        tied: Whether the stack ends with the process that started it.
        outputs: The outputs of template.yaml by name; empty until `deploy`.
    """

    name: str
    directory: Path
    tied: bool = False
    parts: list[Part] = []
    endpoint_url: str
    line_url: str = ""
    database: Database
    outputs: dict[str, str] = {}

    @property
    def stack_name(self) -> str:
        """The name of the CloudFormation stack."""
        return f"yomawari-{self.name}"

    def part(self, name: str) -> Part:
        """The part of that name: "MiniStack", "MariaDB" or "LINE double"."""
        return next(part for part in self.parts if part.name == name)

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments for `boto3.client`, so that it speaks with this stack and nobody else."""
        return {
            "endpoint_url": self.endpoint_url,
            "region_name": REGION,
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
        }

    def save(self) -> None:
        """Write the state file, readable by its owner only: it holds a password."""
        path = state_file(self.name)
        path.touch(mode=0o600)
        path.write_text(self.model_dump_json(indent=2), encoding="utf-8")


def state_file(name: str) -> Path:
    """Where the stack of that name keeps its state."""
    return LOCAL / name / "stack.json"


def load_state(name: str = "dev") -> StackState:
    """The state of a stack that some process started.

    Raises:
        LocalStackError: if no stack of that name is up.
    """
    path = state_file(name)
    if not path.exists():
        raise LocalStackError(f"no local stack {name!r}: {path} does not exist")
    return StackState.model_validate_json(path.read_text(encoding="utf-8"))
