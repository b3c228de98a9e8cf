"""What became of an import, for people and scripts."""

from dataclasses import dataclass

from yomawari.domain.imports import ImportErrors, ImportReport
from yomawari.usecases.import_ports import ImportReportStore


@dataclass(frozen=True, slots=True)
class UnknownImport:
    """There is no such import: its file has not been seen, or was refused."""

    import_id: str


class ReportImport:
    """Reads one import."""

    def __init__(self, store: ImportReportStore) -> None:
        self._store = store

    def __call__(self, import_id: str, errors_after: int | None = None) -> ImportReport | ImportErrors | UnknownImport:
        """The import with its first errors, or the page of its errors that begins after a line."""
        if errors_after is not None:
            return self._store.errors(import_id, errors_after)
        return self._store.report(import_id) or UnknownImport(import_id)
