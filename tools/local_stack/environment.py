"""The environment of every process of the stack: fake credentials, and all its files inside the checkout."""

import os
from pathlib import Path

from tools.local_stack.state import CACHE, REGION


def environment(directory: Path) -> dict[str, str]:
    """This process's environment without anything that could reach a real AWS account or leave files elsewhere.

    HOME stays as it is: pip must find its user's configuration there, and nothing else is told to look.
    """
    temporary = directory / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_"))},
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "TMPDIR": str(temporary),
        "XDG_CACHE_HOME": str(CACHE),
        "__SAM_CLI_APP_DIR": str(CACHE / "sam-app"),
        "SAM_CLI_TELEMETRY": "0",
    }
