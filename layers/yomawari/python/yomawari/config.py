"""The functions' settings, read once from the environment that template.yaml gives them."""

import os
from dataclasses import dataclass


class MissingSettingError(RuntimeError):
    """The environment lacks a variable that this function needs."""


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """Where MySQL is. `tls_ca` is the CA bundle's path; None (the local stack only) means no TLS."""

    host: str
    port: int
    name: str
    secret_arn: str
    tls_ca: str | None


@dataclass(frozen=True, slots=True)
class DispatchSettings:
    """Of dispatch_checks."""

    database: DatabaseSettings
    friend_checks_queue_url: str
    sweeps_queue_url: str
    writes_queue_url: str
    token_path: str
    event_bus_name: str


@dataclass(frozen=True, slots=True)
class LineSettings:
    """Where LINE is, and what stands between it and those who call it."""

    base_url: str
    token_path: str
    gate_table: str


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """Of check_friends."""

    line: LineSettings
    friend_checks_queue_url: str
    friend_checks_dead_letters_url: str
    writes_queue_url: str
    channels_at_once: int


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """Of notify_change."""

    database: DatabaseSettings
    line: LineSettings
    motivation_changes_queue_url: str
    motivation_changes_dead_letters_url: str
    writes_queue_url: str


@dataclass(frozen=True, slots=True)
class SummaryDispatchSettings:
    """Of dispatch_summaries."""

    database: DatabaseSettings
    summaries_queue_url: str


@dataclass(frozen=True, slots=True)
class SummarySendSettings:
    """Of send_summaries."""

    database: DatabaseSettings
    line: LineSettings
    summaries_queue_url: str
    summaries_dead_letters_url: str


@dataclass(frozen=True, slots=True)
class WriteSettings:
    """Of write_results."""

    database: DatabaseSettings
    writes_dead_letters_url: str
    event_bus_name: str


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """Of split_import."""

    database: DatabaseSettings
    imports_queue_url: str
    imports_dead_letters_url: str
    registrations_queue_url: str
    event_bus_name: str


@dataclass(frozen=True, slots=True)
class RegisterSettings:
    """Of register_seekers."""

    database: DatabaseSettings
    registrations_dead_letters_url: str
    event_bus_name: str


@dataclass(frozen=True, slots=True)
class SweepSettings:
    """Of sweep_followers."""

    database: DatabaseSettings
    line: LineSettings
    sweeps_queue_url: str
    sweeps_dead_letters_url: str
    friend_checks_queue_url: str
    writes_queue_url: str
    state_bucket: str


def database_settings() -> DatabaseSettings:
    """Where MySQL is, and which secret holds this function's own user."""
    return DatabaseSettings(
        host=_get("DATABASE_HOST"),
        port=int(_get("DATABASE_PORT")),
        name=_get("DATABASE_NAME"),
        secret_arn=_get("DATABASE_SECRET_ARN"),
        tls_ca=os.environ.get("DATABASE_TLS_CA") or None,
    )


def dispatch_settings() -> DispatchSettings:
    """Raises MissingSettingError, like all of these, naming the variable."""
    return DispatchSettings(
        database=database_settings(),
        friend_checks_queue_url=_get("FRIEND_CHECKS_QUEUE_URL"),
        sweeps_queue_url=_get("SWEEPS_QUEUE_URL"),
        writes_queue_url=_get("WRITES_QUEUE_URL"),
        token_path=_get("TOKEN_PATH"),
        event_bus_name=_get("EVENT_BUS_NAME"),
    )


def check_settings() -> CheckSettings:
    """What check_friends needs; it has no database."""
    return CheckSettings(
        line=_line_settings(),
        friend_checks_queue_url=_get("FRIEND_CHECKS_QUEUE_URL"),
        friend_checks_dead_letters_url=_get("FRIEND_CHECKS_DEAD_LETTERS_URL"),
        writes_queue_url=_get("WRITES_QUEUE_URL"),
        channels_at_once=int(_get("CHANNELS_AT_ONCE")),
    )


def write_settings() -> WriteSettings:
    """What write_results needs."""
    return WriteSettings(
        database=database_settings(),
        writes_dead_letters_url=_get("WRITES_DEAD_LETTERS_URL"),
        event_bus_name=_get("EVENT_BUS_NAME"),
    )


def notify_settings() -> NotifySettings:
    """What notify_change needs."""
    return NotifySettings(
        database=database_settings(),
        line=_line_settings(),
        motivation_changes_queue_url=_get("MOTIVATION_CHANGES_QUEUE_URL"),
        motivation_changes_dead_letters_url=_get("MOTIVATION_CHANGES_DEAD_LETTERS_URL"),
        writes_queue_url=_get("WRITES_QUEUE_URL"),
    )


def summary_dispatch_settings() -> SummaryDispatchSettings:
    """What dispatch_summaries needs."""
    return SummaryDispatchSettings(database=database_settings(), summaries_queue_url=_get("SUMMARIES_QUEUE_URL"))


def summary_send_settings() -> SummarySendSettings:
    """What send_summaries needs."""
    return SummarySendSettings(
        database=database_settings(),
        line=_line_settings(),
        summaries_queue_url=_get("SUMMARIES_QUEUE_URL"),
        summaries_dead_letters_url=_get("SUMMARIES_DEAD_LETTERS_URL"),
    )


def _line_settings() -> LineSettings:
    return LineSettings(base_url=_get("LINE_BASE_URL"), token_path=_get("TOKEN_PATH"), gate_table=_get("GATE_TABLE"))


def split_settings() -> SplitSettings:
    """What split_import needs; which bucket, S3's own events say."""
    return SplitSettings(
        database=database_settings(),
        imports_queue_url=_get("IMPORTS_QUEUE_URL"),
        imports_dead_letters_url=_get("IMPORTS_DEAD_LETTERS_URL"),
        registrations_queue_url=_get("REGISTRATIONS_QUEUE_URL"),
        event_bus_name=_get("EVENT_BUS_NAME"),
    )


def register_settings() -> RegisterSettings:
    """What register_seekers needs."""
    return RegisterSettings(
        database=database_settings(),
        registrations_dead_letters_url=_get("REGISTRATIONS_DEAD_LETTERS_URL"),
        event_bus_name=_get("EVENT_BUS_NAME"),
    )


def sweep_settings() -> SweepSettings:
    """What sweep_followers needs."""
    return SweepSettings(
        database=database_settings(),
        line=_line_settings(),
        sweeps_queue_url=_get("SWEEPS_QUEUE_URL"),
        sweeps_dead_letters_url=_get("SWEEPS_DEAD_LETTERS_URL"),
        friend_checks_queue_url=_get("FRIEND_CHECKS_QUEUE_URL"),
        writes_queue_url=_get("WRITES_QUEUE_URL"),
        state_bucket=_get("SWEEP_STATE_BUCKET"),
    )


def _get(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise MissingSettingError(f"{name} is not set; template.yaml gives it to the function") from None
