"""The functions' settings, read once from the environment that template.yaml gives them.

A field is the variable of its name in capitals. Functions that need the same share it by inheritance.
"""

import os
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError


class MissingSettingError(RuntimeError):
    """The environment lacks a variable that this function needs."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True)

    @classmethod
    def read(cls) -> Self:
        """What the environment says.

        Raises:
            MissingSettingError: a variable is not there; the message names it.
            ValidationError: one is there, but not of its type.
        """
        names = {field: field.upper() for field in cls.model_fields}
        try:
            return cls.model_validate({field: os.environ[name] for field, name in names.items() if name in os.environ})
        except ValidationError as error:
            for one in error.errors():
                if one["type"] == "missing":
                    name = names[str(one["loc"][0])]
                    raise MissingSettingError(f"{name} is not set; template.yaml gives it to the function") from None
            raise


class DatabaseSettings(_Settings):
    """Where MySQL is, and which secret holds this function's own user; with no `database_tls_ca` there is no TLS."""

    database_host: str
    database_port: int
    database_name: str
    database_secret_arn: str
    database_tls_ca: str = ""


class LineSettings(_Settings):
    """Where LINE is, and what stands between it and those who call it."""

    line_base_url: str
    token_path: str
    gate_table: str


class DispatchSettings(DatabaseSettings):
    """Of dispatch_checks."""

    friend_checks_queue_url: str
    sweeps_queue_url: str
    writes_queue_url: str
    token_path: str
    event_bus_name: str


class CheckSettings(LineSettings):
    """Of check_friends; it has no database."""

    friend_checks_queue_url: str
    friend_checks_dead_letters_url: str
    writes_queue_url: str
    channels_at_once: int


class SweepSettings(DatabaseSettings, LineSettings):
    """Of sweep_followers."""

    sweeps_queue_url: str
    sweeps_dead_letters_url: str
    friend_checks_queue_url: str
    writes_queue_url: str
    sweep_state_bucket: str


class WriteSettings(DatabaseSettings):
    """Of write_results."""

    writes_dead_letters_url: str
    event_bus_name: str


class NotifySettings(DatabaseSettings, LineSettings):
    """Of notify_change."""

    motivation_changes_queue_url: str
    motivation_changes_dead_letters_url: str
    writes_queue_url: str


class SummaryDispatchSettings(DatabaseSettings):
    """Of dispatch_summaries."""

    summaries_queue_url: str


class SummarySendSettings(DatabaseSettings, LineSettings):
    """Of send_summaries."""

    summaries_queue_url: str
    summaries_dead_letters_url: str


class SplitSettings(DatabaseSettings):
    """Of split_import; which bucket, S3's own events say."""

    imports_queue_url: str
    imports_dead_letters_url: str
    registrations_queue_url: str
    event_bus_name: str


class RegisterSettings(DatabaseSettings):
    """Of register_seekers."""

    registrations_dead_letters_url: str
    event_bus_name: str
