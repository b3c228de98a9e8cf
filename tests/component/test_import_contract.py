"""What the stores of imports promise, held against the fake and against MySQL alike."""

from collections.abc import Iterator

import pytest

from tests.support.imports import (
    ETAG,
    NOON,
    Imports,
    MemoryImports,
    MySqlImports,
    at,
    chunk_of,
    key_of,
    line_id,
    report_of,
)
from yomawari.adapters.mysql.memory import AccountRow
from yomawari.domain.imports import ErrorReport, RowError
from yomawari.usecases.import_ports import Registered
from yomawari.usecases.ports import Refused

TAKEN = ErrorReport(line=2, column="line_user_id", reason="belongs to another job seeker")
FRIEND = AccountRow(line_id(7), "friend", "friend", 202611200200, at(-60), 0)


@pytest.fixture(params=["memory", "mysql"])
def imports(request: pytest.FixtureRequest) -> Iterator[Imports]:
    if request.param == "memory":
        memory = MemoryImports()
        memory.add_tenant(1)
        yield memory
        return
    real = MySqlImports(request.getfixturevalue("database"))
    real.add_tenant(1)
    yield real
    real.close()


@pytest.fixture
def begun(imports: Imports) -> Imports:
    assert imports.imports.begin(key_of(), ETAG, NOON) is True
    return imports


class TestBegin:
    def test_begun_until_it_is_cut(self, begun: Imports) -> None:
        assert begun.imports.begin(key_of(), ETAG, at(5)) is True, "the first may have died"
        begun.imports.all_sent("first", 0, 0, 0)
        assert begun.imports.begin(key_of(), ETAG, at(9)) is False
        assert report_of(begun).created_at == NOON

    @pytest.mark.parametrize("tenant_id", [2, 9_999_999_999])
    def test_a_tenant_that_does_not_exist_is_refused(self, imports: Imports, tenant_id: int) -> None:
        refused = imports.imports.begin(key_of(tenant_id=tenant_id), ETAG, NOON)
        assert refused == Refused(f"there is no tenant {tenant_id}")
        assert imports.reports.report("first") is None

    def test_an_id_belongs_to_one_file_of_one_tenant(self, begun: Imports) -> None:
        begun.add_tenant(2)
        taken = Refused("import first is another file's")
        assert begun.imports.begin(key_of(tenant_id=2), ETAG, NOON) == taken
        assert begun.imports.begin(key_of(tenant_id=3), ETAG, NOON) == taken
        assert begun.imports.begin(key_of(ending="csv"), ETAG, NOON) == taken
        assert begun.imports.begin(key_of(), ETAG[::-1], NOON) == taken
        assert report_of(begun).tenant_id == 1


class TestRegister:
    def test_parents_with_and_without_a_link(self, begun: Imports) -> None:
        chunk = chunk_of((2, "b", line_id(2), 20), (1, "a", line_id(1), None), (3, "c", None, None))
        assert begun.registrations.register(chunk, NOON) == Registered(registered=3)
        assert begun.links() == {
            "a": (None, AccountRow(line_id(1))),
            "b": (20, AccountRow(line_id(2))),
            "c": (None, None),
        }

    def test_a_chunk_that_comes_again_changes_nothing_not_even_a_newer_import(self, begun: Imports) -> None:
        chunk = chunk_of((1, "a", line_id(1), 10))
        begun.registrations.register(chunk, NOON)
        begun.imports.begin(key_of("second"), ETAG, NOON)
        newer = chunk_of((1, "a", line_id(2), 11), import_id="second")
        assert begun.registrations.register(newer, at(1)) == Registered(updated=1)
        assert begun.registrations.register(chunk, at(2)) == Registered()
        user_id, account = begun.links()["a"]
        assert account is not None
        assert (user_id, account.line_user_id) == (11, line_id(2))
        assert report_of(begun).registered == 1

    def test_what_a_row_does_not_say_stays(self, begun: Imports) -> None:
        begun.add_seeker(1, 5, "a", 50, FRIEND)
        assert begun.registrations.register(chunk_of((1, "a", None, None)), NOON) == Registered(updated=1)
        assert begun.links() == {"a": (50, FRIEND)}
        assert begun.ids() == {"a": 5}

    def test_the_same_link_keeps_what_the_nights_have_found(self, begun: Imports) -> None:
        begun.add_seeker(1, 5, "a", None, FRIEND)
        begun.registrations.register(chunk_of((1, "a", FRIEND.line_user_id, 60)), NOON)
        assert begun.links() == {"a": (60, FRIEND)}

    def test_another_link_begins_anew_and_takes_no_older_answer(self, begun: Imports) -> None:
        begun.add_seeker(1, 5, "a", None, AccountRow(line_id(7), "not_friend", "not_friend", 202611200200, at(-60), 4))
        begun.registrations.register(chunk_of((1, "a", line_id(8), None)), NOON)
        assert begun.links() == {
            "a": (None, AccountRow(line_id(8), "unknown", "not_friend", 202611200200, NOON, 0, NOON)),
        }

    def test_a_line_id_of_another_job_seeker_is_an_error_and_the_rest_is_registered(self, begun: Imports) -> None:
        begun.add_seeker(1, 5, "a", None, FRIEND)
        chunk = chunk_of((1, "b", line_id(1), None), (2, "c", FRIEND.line_user_id, None))
        assert begun.registrations.register(chunk, NOON) == Registered(registered=1, rejected=1)
        assert begun.links().keys() == {"a", "b"}
        assert report_of(begun).errors == [TAKEN]

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_a_link_that_this_file_moves_still_counts_as_taken(self, begun: Imports, order: tuple[int, int]) -> None:
        begun.add_seeker(1, 5, "a", None, FRIEND)
        chunks = [
            chunk_of((1, "a", line_id(8), None)),
            chunk_of((2, "b", FRIEND.line_user_id, None), number=1),
        ]
        for number in order:
            begun.registrations.register(chunks[number], NOON)
        assert begun.links().keys() == {"a"}
        assert report_of(begun).errors == [TAKEN]

    def test_a_second_file_may_take_what_the_first_has_freed(self, begun: Imports) -> None:
        begun.add_seeker(1, 5, "a", None, FRIEND)
        begun.registrations.register(chunk_of((1, "a", line_id(8), None)), NOON)
        begun.imports.begin(key_of("second"), ETAG, NOON)
        chunk = chunk_of((2, "b", FRIEND.line_user_id, None), import_id="second")
        assert begun.registrations.register(chunk, NOON) == Registered(registered=1)

    def test_keys_are_compared_exactly(self, begun: Imports) -> None:
        chunk = chunk_of((1, "a", None, None), (2, "A", None, None), (3, "á", None, None), (4, "\uff41", None, None))
        assert begun.registrations.register(chunk, NOON) == Registered(registered=4)
        assert begun.registrations.register(chunk.model_copy(update={"chunk": 1}), NOON) == Registered(updated=4)

    def test_keys_may_have_any_characters(self, begun: Imports) -> None:
        keys = ["'", '"', "\\", "%s", "%(tenant)s", "a\\'; --", "a b", "\u3000月", "\U0001f600", "\ufffe", "\u2028"]
        chunk = chunk_of(*((line, key, None, None) for line, key in enumerate(keys, start=1)))
        assert begun.registrations.register(chunk, NOON) == Registered(registered=len(keys))
        assert begun.registrations.register(chunk.model_copy(update={"chunk": 1}), NOON) == Registered(
            updated=len(keys)
        )
        assert set(begun.links()) == set(keys)

    def test_a_key_that_an_older_system_left_a_space_behind_is_the_same(self, begun: Imports) -> None:
        """As the server compares it: it would not let both be."""
        begun.add_seeker(1, 5, "a" if isinstance(begun, MemoryImports) else "a ", None, FRIEND)
        assert begun.registrations.register(chunk_of((1, "a", line_id(8), None)), NOON) == Registered(updated=1)
        (account,) = (account for _, account in begun.links().values())
        assert account is not None
        assert account.line_user_id == line_id(8)

    def test_tenants_have_keys_and_line_ids_of_their_own(self, begun: Imports) -> None:
        begun.add_tenant(2)
        begun.imports.begin(key_of("other", 2), ETAG, NOON)
        for import_id, tenant_id in (("first", 1), ("other", 2)):
            chunk = chunk_of((1, "a", line_id(1), None), import_id=import_id, tenant_id=tenant_id)
            assert begun.registrations.register(chunk, NOON) == Registered(registered=1)

    @pytest.mark.parametrize("wrong", [{"import_id": "nowhere"}, {"tenant_id": 2}])
    def test_a_chunk_of_no_import_is_refused(self, begun: Imports, wrong: dict[str, object]) -> None:
        begun.add_tenant(2)
        chunk = chunk_of((1, "a", None, None)).model_copy(update=wrong)
        assert isinstance(begun.registrations.register(chunk, NOON), Refused)
        assert begun.links() == begun.links(2) == {}


class TestEnd:
    def test_it_ends_with_its_last_chunk_and_is_announced_until_the_bus_knows(self, begun: Imports) -> None:
        begun.registrations.register(chunk_of((1, "a", None, None)), NOON)
        assert begun.ends.end("first", NOON) is None, "not all chunks are sent"
        begun.imports.all_sent("first", 2, 2, 0)
        assert begun.ends.end("first", NOON) is None, "not all chunks are registered"
        begun.registrations.register(chunk_of((2, "b", None, None), number=1), NOON)
        event = begun.ends.end("first", at(1))
        assert event is not None
        assert event.model_dump(exclude={"version", "kind"}) == {
            "import_id": "first",
            "tenant_id": 1,
            "state": "completed",
            "reason": None,
            "rows": 2,
            "registered": 2,
            "updated": 0,
            "rejected": 0,
        }
        assert begun.ends.end("first", at(2)) == event
        begun.ends.announced("first", event.state)
        assert begun.ends.end("first", at(3)) is None
        report = report_of(begun)
        assert (report.state, report.ended_at, report.rows) == ("completed", at(1), 2)

    def test_errors_of_both_kinds_are_counted_once(self, begun: Imports) -> None:
        errors = [RowError(3, None, "is not a JSON object"), RowError(2, "external_key", "is missing")]
        begun.add_seeker(1, 5, "a", None, FRIEND)
        begun.registrations.register(chunk_of((1, "b", FRIEND.line_user_id, None)), NOON)
        for _ in range(2):
            begun.imports.note_errors("first", errors)
            begun.imports.all_sent("first", 3, 1, 2)
        event = begun.ends.end("first", NOON)
        assert event is not None
        assert (event.state, event.rows, event.registered, event.rejected) == ("completed_with_errors", 3, 0, 3)
        assert [error.line for error in report_of(begun).errors] == [1, 2, 3]

    def test_a_file_that_cannot_be_read_ends_at_once(self, begun: Imports) -> None:
        begun.imports.reject("first", "x" * 600, at(1))
        event = begun.ends.end("first", at(2))
        assert event is not None
        assert (event.state, event.reason, event.rows) == ("rejected", "x" * 500, 0)
        begun.imports.reject("first", "again", at(3))
        assert (report_of(begun).reason, report_of(begun).ended_at) == ("x" * 500, at(1))
        assert begun.imports.begin(key_of(), ETAG, NOON) is False

    def test_a_file_without_rows_ends_completed(self, begun: Imports) -> None:
        begun.imports.all_sent("first", 0, 0, 0)
        event = begun.ends.end("first", NOON)
        assert event is not None
        assert event.state == "completed"

    def test_an_unknown_import_does_not_end(self, imports: Imports) -> None:
        assert imports.ends.end("nowhere", NOON) is None


class TestReport:
    def test_no_import(self, imports: Imports) -> None:
        assert imports.reports.report("nowhere") is None
        assert imports.reports.errors("nowhere", 0).errors == []

    def test_the_first_errors_and_then_page_by_page(self, begun: Imports) -> None:
        begun.imports.note_errors("first", [RowError(line, "user_id", "is wrong") for line in range(1, 1_026)])
        assert [error.line for error in report_of(begun).errors] == list(range(1, 21))
        first = begun.reports.errors("first", 0).errors
        assert (len(first), first[-1].line) == (1_000, 1_000)
        assert [error.line for error in begun.reports.errors("first", 1_000).errors] == list(range(1_001, 1_026))

    def test_an_import_that_has_begun(self, begun: Imports) -> None:
        report = report_of(begun)
        assert (report.state, report.rows, report.ended_at, report.object_key) == (
            "splitting",
            None,
            None,
            "imports/1/first.ndjson",
        )
