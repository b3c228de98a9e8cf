"""A Lambda container in this process: what the runtime keeps while it is warm, closed when the test says so."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any
from unittest import mock

import boto3
import pytest
from aiobotocore.session import AioSession, get_session

from tests.support.pump import Context
from yomawari import runtime
from yomawari.runtime import imports, motivations, sweeps
from yomawari.usecases.dispatch_checks import DispatchChecks

_CACHED = (
    runtime.loop,
    runtime.dispatch_checks,
    runtime.check_friends,
    runtime.friend_checks_dead_letters,
    runtime.write_results,
    runtime.record_targets,
    runtime.writes_dead_letters,
    runtime.report_run,
    motivations.notify_change,
    motivations.motivation_changes_dead_letters,
    motivations.dispatch_summaries,
    motivations.send_summaries,
    motivations.summaries_dead_letters,
    motivations.report_day,
    imports.split_import,
    imports.imports_queue,
    imports.imports_dead_letters,
    imports.register_seekers,
    imports.registrations_dead_letters,
    imports.report_import,
    sweeps.sweep_followers,
    sweeps.sweep_queues,
)
APPS = {
    "DispatchChecks": "dispatch_checks",
    "CheckFriends": "check_friends",
    "WriteResults": "write_results",
    "ReportStatus": "report_status",
    "NotifyChange": "notify_change",
    "DispatchSummaries": "dispatch_summaries",
    "SendSummaries": "send_summaries",
    "SplitImport": "split_import",
    "RegisterSeekers": "register_seekers",
    "SweepFollowers": "sweep_followers",
}


@cache
def _boto3() -> boto3.Session:
    """One for all tests, because reading the services' models is most of a cold start."""
    return boto3.Session("test", "test")


@cache
def _aiobotocore() -> AioSession:
    return get_session()


class Container:
    """Runs the functions' own handlers, each in its own environment.

    Closing it forgets all that the runtime made, so that the next invocation is a cold start.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, environment: Callable[[str], dict[str, str]]) -> None:
        self.environment = environment
        self._opened: list[Any] = []
        self._opened_async: list[Any] = []
        for name in ("client", "Session", "CurlEngine"):
            monkeypatch.setattr(runtime, name, self._kept(getattr(runtime, name)))
        monkeypatch.setattr(runtime, "get_session", _aiobotocore)
        monkeypatch.setattr(runtime, "async_client", self._kept_async(runtime.async_client))
        self._forget()

    def invoke(self, function: str, event: dict[str, Any], context: Context | None = None) -> dict[str, Any]:
        """Call a function's handler as Lambda does."""
        with self.inside(function):
            app = import_module(f"functions.{APPS[function]}.app")
            answer: dict[str, Any] = app.handler(event, context or Context())
        return answer

    @contextmanager
    def inside(self, function: str) -> Iterator[None]:
        """A function's environment, for the length of a block."""
        with mock.patch.dict(os.environ, self.environment(function)), mock.patch("boto3.DEFAULT_SESSION", _boto3()):
            yield

    def dispatchers(self, count: int) -> list[DispatchChecks]:
        """So many dispatchers, each as a container of its own would build it."""
        with self.inside("DispatchChecks"):
            return [runtime.dispatch_checks.__wrapped__() for _ in range(count)]

    def close(self) -> None:
        """End the container, however warm."""
        for opened in self._opened:
            opened.close()
        for client in self._opened_async:
            runtime.loop().run_until_complete(client.close())
        if runtime.loop.cache_info().currsize:
            runtime.loop().close()
            asyncio.set_event_loop(None)
        self._forget()

    def _forget(self) -> None:
        self._opened.clear()
        self._opened_async.clear()
        for cached in _CACHED:
            cached.cache_clear()

    def _kept(self, make: Callable[..., Any]) -> Callable[..., Any]:
        def made(*args: Any, **kwargs: Any) -> Any:
            self._opened.append(make(*args, **kwargs))
            return self._opened[-1]

        return made

    def _kept_async(self, make: Callable[..., Any]) -> Callable[..., Any]:
        async def made(*args: Any, **kwargs: Any) -> Any:
            self._opened_async.append(await make(*args, **kwargs))
            return self._opened_async[-1]

        return made
