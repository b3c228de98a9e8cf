"""A check_friends container as a process of its own: `python -m tests.support.worker name=value ...`, until killed.

The environment is the function's; names are fields of CheckSettings (see quick.py), or `visibility_s` and
`batch_size` of its pump.
Prints "ready" once it is warm.
"""

import os
import sys
import time
from dataclasses import fields
from typing import Any

import boto3

from functions.check_friends import app
from tests.support.pump import Pump
from tests.support.quick import check_settings
from yomawari import runtime
from yomawari.usecases.checking import CheckSettings


def main(arguments: dict[str, int]) -> None:
    names = {field.name for field in fields(CheckSettings)}
    settings = {name: value for name, value in arguments.items() if name in names}
    pumping = {name: value for name, value in arguments.items() if name not in names}
    runtime.CheckSettings = check_settings(settings)  # type: ignore[assignment,misc]
    runtime.check_friends()
    handler: Any = app.handler
    url = os.environ["FRIEND_CHECKS_QUEUE_URL"]
    pump = Pump(boto3.client("sqs"), url, handler, **{"batch_size": 4, **pumping})  # type: ignore[arg-type]
    print("ready", flush=True)  # noqa: T201 - who started it waits for this
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads the log
    while True:
        if not pump.once():
            time.sleep(0.05)


if __name__ == "__main__":
    main({name: int(value) for name, _, value in (argument.partition("=") for argument in sys.argv[1:])})
