"""The functions' settings: all of them from the environment that template.yaml gives, and a missing one by name."""

import pytest

from tests.support.template import resources
from yomawari import config

SETTINGS: dict[str, type[config.DatabaseSettings | config.LineSettings]] = {
    "DispatchChecks": config.DispatchSettings,
    "CheckFriends": config.CheckSettings,
    "WriteResults": config.WriteSettings,
    "NotifyChange": config.NotifySettings,
    "DispatchSummaries": config.SummaryDispatchSettings,
    "SendSummaries": config.SummarySendSettings,
    "ReportStatus": config.DatabaseSettings,
    "SplitImport": config.SplitSettings,
    "RegisterSeekers": config.RegisterSettings,
    "SweepFollowers": config.SweepSettings,
}
NUMBERS = {"DATABASE_PORT": "3307", "CHANNELS_AT_ONCE": "4"}


def given(function: str) -> dict[str, str]:
    """What the template gives a function, each variable holding its own name unless it must be a number."""
    variables = resources("AWS::Lambda::Function")[function]["Environment"]["Variables"]
    return {name: NUMBERS.get(name, name.lower()) for name in variables if not name.startswith("POWERTOOLS_")}


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    for function in SETTINGS:
        for name in given(function):
            monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("function", SETTINGS)
def test_a_function_finds_all_it_needs_in_what_the_template_gives(
    function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given(function).items():
        monkeypatch.setenv(name, value)
    SETTINGS[function].read()


@pytest.mark.parametrize(
    ("function", "missing"),
    [(function, name) for function in SETTINGS for name in sorted(given(function)) if name != "DATABASE_TLS_CA"],
)
def test_the_template_gives_nothing_that_is_not_needed(
    function: str, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given(function).items():
        if name != missing:
            monkeypatch.setenv(name, value)
    with pytest.raises(config.MissingSettingError, match=f"^{missing} is not set"):
        SETTINGS[function].read()


def test_a_setting_is_the_variable_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in given("ReportStatus").items():
        monkeypatch.setenv(name, text)
    settings = config.DatabaseSettings.read()
    assert (settings.database_host, settings.database_port) == ("database_host", 3307)
    monkeypatch.delenv("DATABASE_TLS_CA")
    assert not config.DatabaseSettings.read().database_tls_ca


def test_a_port_that_is_no_number_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (given("ReportStatus") | {"DATABASE_PORT": "mysql"}).items():
        monkeypatch.setenv(name, text)
    with pytest.raises(ValueError, match="mysql"):
        config.DatabaseSettings.read()
