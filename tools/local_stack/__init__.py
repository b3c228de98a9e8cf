"""The whole system on one machine, of real parts: template.yaml on MiniStack, MariaDB, and the LINE double.

    with running("demo") as stack:                      # or, across processes: up(), deploy(), load_state(), down()
        boto3.client("sqs", **stack.client_options())

All its files lie in `.local/<name>` and `.local/cache`; all its processes are gone when it is down.
"""

from tools.local_stack.deployment import deploy
from tools.local_stack.errors import LocalStackError
from tools.local_stack.stack import down, running, start_database, stop_database, up
from tools.local_stack.state import LOCAL, Database, StackState, load_state

__all__ = [
    "LOCAL",
    "Database",
    "LocalStackError",
    "StackState",
    "deploy",
    "down",
    "load_state",
    "running",
    "start_database",
    "stop_database",
    "up",
]
