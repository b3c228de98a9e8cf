"""MiniStack: the AWS emulator, one process that runs the functions in subprocesses of its own interpreter."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from tools.local_stack import processes
from tools.local_stack.errors import LocalStackError
from tools.local_stack.state import REGION, ROOT, Part

# It pins botocore, so it lives in an environment of its own. The local layers are built for this interpreter.
PYTHON = ROOT / ".venv-ministack" / "bin" / "python"


def start(directory: Path, port: int, env: Mapping[str, str], *, tied: bool) -> Part:
    """Start it on a port of 127.0.0.1, with nothing kept beyond its life.

    Raises:
        LocalStackError: if it is not installed.
    """
    if not PYTHON.exists():
        raise LocalStackError(f"MiniStack: {PYTHON} does not exist; `make setup` installs it")
    settings = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",  # in queue URLs; "localhost" may mean ::1 first, where nobody listens
        "MINISTACK_REGION": REGION,
        "STATE_DIR": str(directory / "tmp" / "ministack-state"),
        "S3_DATA_DIR": str(directory / "tmp" / "ministack-s3"),
        # A worker that idled for five minutes would be started anew, at seconds each, between two rounds of a test.
        "LAMBDA_WARM_TTL_SECONDS": "3600",
        # The functions inherit what follows. There is no X-Ray daemon here to send segments to.
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
    log = directory / "logs" / "ministack.log"
    return processes.start("MiniStack", [str(PYTHON), "-m", "ministack"], {**env, **settings}, log, tied=tied)


def answers(endpoint_url: str) -> bool:
    """Whether it serves requests."""
    try:
        with urllib.request.urlopen(f"{endpoint_url}/_ministack/health", timeout=2) as response:  # noqa: S310 - own URL
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
