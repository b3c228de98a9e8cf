"""What became of a run, for people and scripts."""

from dataclasses import dataclass
from typing import Literal

from yomawari.domain.runs import RunReport
from yomawari.usecases.ports import ReportStore


@dataclass(frozen=True, slots=True)
class UnknownRun:
    """There is no such run (or, for `latest`, none at all)."""

    run_id: int | Literal["latest"]


class ReportRun:
    """Reads one run."""

    def __init__(self, store: ReportStore) -> None:
        self._store = store

    def __call__(self, run_id: int | Literal["latest"] = "latest") -> RunReport | UnknownRun:
        """The run with its tenants, the newest when none is named."""
        return self._store.report(run_id) or UnknownRun(run_id)
