"""What lives as long as a container of bulk registration."""

from functools import cache

from yomawari import config, runtime
from yomawari.adapters.claims import open_claims
from yomawari.adapters.events import EventBus
from yomawari.adapters.mysql.import_reports import MySqlImportReportStore
from yomawari.adapters.mysql.imports import MySqlImportEndStore, MySqlImportStore
from yomawari.adapters.mysql.registrations import MySqlRegistrationStore
from yomawari.adapters.s3 import S3Files
from yomawari.adapters.sqs import Queue
from yomawari.usecases.conclude_import import ConcludeImport
from yomawari.usecases.ports import Outbox
from yomawari.usecases.register_seekers import RegisterSeekers
from yomawari.usecases.report_import import ReportImport
from yomawari.usecases.split_import import SplitImport


@cache
def split_import() -> SplitImport:
    """The splitter."""
    settings = config.SplitSettings.read()
    session = runtime.Session(runtime.database_of(settings))
    return SplitImport(
        S3Files(runtime.client("s3")),
        open_claims,
        MySqlImportStore(session),
        Queue(runtime.client("sqs"), settings.registrations_queue_url),
        _conclude_import(session, settings.event_bus_name),
        runtime.now,
    )


@cache
def imports_queue() -> Queue:
    """Where split_import's files come from."""
    return Queue(runtime.client("sqs"), config.SplitSettings.read().imports_queue_url)


@cache
def imports_dead_letters() -> Outbox:
    """Where split_import puts what can never be an import."""
    return Queue(runtime.client("sqs"), config.SplitSettings.read().imports_dead_letters_url)


@cache
def register_seekers() -> RegisterSeekers:
    """The registrar."""
    settings = config.RegisterSettings.read()
    session = runtime.Session(runtime.database_of(settings))
    return RegisterSeekers(
        MySqlRegistrationStore(session), _conclude_import(session, settings.event_bus_name), runtime.now
    )


@cache
def registrations_dead_letters() -> Outbox:
    """Where register_seekers puts what it can never register."""
    return Queue(runtime.client("sqs"), config.RegisterSettings.read().registrations_dead_letters_url)


@cache
def report_import() -> ReportImport:
    """The reader of imports."""
    return ReportImport(MySqlImportReportStore(runtime.Session(runtime.database_of(config.DatabaseSettings.read()))))


def _conclude_import(session: runtime.Session, bus_name: str) -> ConcludeImport:
    return ConcludeImport(MySqlImportEndStore(session), EventBus(runtime.client("events"), bus_name), runtime.now)
