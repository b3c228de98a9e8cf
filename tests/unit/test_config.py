"""The functions' settings: all of them from the environment that template.yaml gives, and a missing one by name."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.template import resources
from yomawari import config

READERS: dict[str, Callable[[], Any]] = {
    "DispatchChecks": config.dispatch_settings,
    "CheckFriends": config.check_settings,
    "WriteResults": config.write_settings,
    "NotifyChange": config.notify_settings,
    "DispatchSummaries": config.summary_dispatch_settings,
    "SendSummaries": config.summary_send_settings,
    "ReportStatus": config.database_settings,
    "SplitImport": config.split_settings,
    "RegisterSeekers": config.register_settings,
}
NUMBERS = {"DATABASE_PORT": "3307", "CHANNELS_AT_ONCE": "4"}


def given(function: str) -> dict[str, str]:
    """What the template gives a function, each variable holding its own name unless it must be a number."""
    variables = resources("AWS::Lambda::Function")[function]["Environment"]["Variables"]
    return {name: NUMBERS.get(name, name.lower()) for name in variables if not name.startswith("POWERTOOLS_")}


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    for function in READERS:
        for name in given(function):
            monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("function", READERS)
def test_a_function_finds_all_it_needs_in_what_the_template_gives(
    function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given(function).items():
        monkeypatch.setenv(name, value)
    READERS[function]()


@pytest.mark.parametrize(
    ("function", "missing"),
    [(function, name) for function in READERS for name in sorted(given(function)) if name != "DATABASE_TLS_CA"],
)
def test_the_template_gives_nothing_that_is_not_needed(
    function: str, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given(function).items():
        if name != missing:
            monkeypatch.setenv(name, value)
    with pytest.raises(config.MissingSettingError, match=f"^{missing} is not set"):
        READERS[function]()


@pytest.mark.parametrize(("value", "tls_ca"), [("", None), ("/opt/ca.pem", "/opt/ca.pem")])
def test_only_an_empty_ca_means_no_tls(value: str, tls_ca: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (given("ReportStatus") | {"DATABASE_TLS_CA": value}).items():
        monkeypatch.setenv(name, text)
    settings = config.database_settings()
    assert (settings.host, settings.port, settings.tls_ca) == ("database_host", 3307, tls_ca)


def test_a_port_that_is_no_number_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (given("ReportStatus") | {"DATABASE_PORT": "mysql"}).items():
        monkeypatch.setenv(name, text)
    with pytest.raises(ValueError, match="mysql"):
        config.database_settings()
