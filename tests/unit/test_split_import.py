"""Cutting a file: encodings, gzip, chunks of 500 rows and 64 KB, refusals, and beginning anew."""

import gzip
import json
from itertools import pairwise

import pytest

from tests.support.files import Importing, ndjson_of
from tests.support.imports import MemoryImports, line_id, report_of
from yomawari.domain import rows as reading
from yomawari.domain.registrations import CHUNK_BYTES, bodies_of
from yomawari.domain.rows import SeekerRow
from yomawari.messages import Malformed, RegistrationChunk, read
from yomawari.messages.s3 import ObjectCreated
from yomawari.usecases.ports import Refused, Unavailable
from yomawari.usecases.split_import import Split

GOOD = [{"external_key": f"key {n}", "line_user_id": line_id(n), "user_id": n} for n in range(1, 1_203)]


@pytest.fixture
def importing() -> Importing:
    imports = MemoryImports()
    imports.add_tenant(1)
    return Importing(imports)


def csv_of(rows: str, encoding: str = "utf-8") -> bytes:
    return f"external_key,user_id\r\n{rows}".encode(encoding)


def keys(importing: Importing) -> list[str]:
    return [row[1] for row in importing.rows()]


@pytest.mark.parametrize("ending", ["ndjson", "ndjson.gz"])
def test_good_rows_travel_in_chunks_of_500(importing: Importing, ending: str) -> None:
    assert importing.split(ndjson_of(GOOD), f"imports/1/first.{ending}") == Split(rows=1_202, chunks=3)
    chunks = importing.chunks()
    assert [(chunk.chunk, len(chunk.rows)) for chunk in chunks] == [(0, 500), (1, 500), (2, 202)]
    assert importing.rows()[7] == (8, "key 8", line_id(8), 8)
    assert {message.group for message in importing.queue.sent} == {"1"}
    assert report_of(importing.imports).state == "registering"
    importing.register(reversed(chunks))
    assert [(event.state, event.registered) for event in importing.bus.imports()] == [("completed", 1_202)]


def test_bad_rows_are_written_down_and_the_rest_travels(importing: Importing) -> None:
    content = ndjson_of([GOOD[0], {"external_key": ""}, GOOD[0], GOOD[1] | {"user_id": -1}, GOOD[1]])
    assert importing.split(content) == Split(rows=5, rejected=3, chunks=1)
    assert keys(importing) == ["key 1", "key 2"]
    errors = report_of(importing.imports).errors
    assert [(error.line, error.column) for error in errors] == [
        (2, "external_key"),
        (3, "external_key"),
        (4, "user_id"),
    ]


def test_a_file_of_bad_rows_only_ends_without_a_chunk(importing: Importing) -> None:
    assert importing.split(b"x\ny\n") == Split(rows=2, rejected=2)
    (event,) = importing.bus.imports()
    assert (event.state, event.rows, event.rejected) == ("completed_with_errors", 2, 2)


def test_a_header_alone_ends_completed(importing: Importing) -> None:
    assert importing.split(csv_of(""), "imports/1/first.csv") == Split()
    assert [event.state for event in importing.bus.imports()] == ["completed"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
def test_csv_in_either_encoding(importing: Importing, encoding: str, ending: str) -> None:
    """The first half megabyte says nothing of the encoding; ① and 髙 are Microsoft's own part of Shift_JIS."""
    rows = "".join(f"key {n},\r\n" for n in range(50_000)) + '"①髙橋表",1\r\n'
    assert importing.split(csv_of(rows, encoding), f"imports/1/first.{ending}") == Split(rows=50_001, chunks=101)
    assert keys(importing)[-1] == "①髙橋表"


@pytest.mark.parametrize(
    ("content", "ending", "reason"),
    [
        (b"", "csv", "the file is empty"),
        (b"", "ndjson", "the file is empty"),
        (csv_of("\uffee,1").replace("\uffee".encode(), b"\x81"), "csv", "the text is not UTF-8 or Shift_JIS (CP932)"),
        (ndjson_of(GOOD) + '{"external_key":"髙"}'.encode("cp932"), "ndjson", "the text is not UTF-8"),
        ("external_key\na\n".encode("utf-16"), "csv", "the first line must name the columns"),
        (b"PK\x03\x04 a workbook", "csv", "the first line must name the columns"),
        (csv_of("a,1\n") + b'"b\nc', "csv", "line 3 has a quotation mark that is left open"),
        (b"external_key,phone\na,1", "csv", "line 1: unknown column: phone"),
    ],
)
def test_a_file_that_cannot_be_read_changes_nothing(
    importing: Importing, content: bytes, ending: str, reason: str
) -> None:
    split = importing.split(content, f"imports/1/first.{ending}")
    assert isinstance(split, Split)
    assert reason in (split.reason or "")
    assert importing.queue.sent == []
    (event,) = importing.bus.imports()
    assert (event.state, event.reason) == ("rejected", split.reason)
    assert importing.split(content, f"imports/1/first.{ending}") == Split(), "nor does it when it comes again"
    assert len(importing.bus.announced) == 1


PACKED = gzip.compress(ndjson_of(GOOD), mtime=0)


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        (b"", "the file is empty"),
        (ndjson_of(GOOD), "the gzip file is damaged"),
        (PACKED[: len(PACKED) // 2], "the gzip file is cut off"),
        (PACKED[:-4] + b"\0\0\0\0", "the gzip file is damaged"),
        (PACKED[:30] + b"\xff" * 30 + PACKED[60:], "the gzip file is damaged"),
        (gzip.compress(b""), "the file is empty"),
    ],
    ids=["nothing", "not packed", "cut off", "wrong length", "overwritten", "empty"],
)
def test_gzip_that_cannot_be_unpacked(importing: Importing, packed: bytes, reason: str) -> None:
    split = importing._split(importing.files.put("imports/1/first.ndjson.gz", packed))
    assert split == Split(reason=reason)
    assert importing.queue.sent == []


@pytest.mark.parametrize("ending", ["csv.gz", "ndjson.gz"])
def test_a_file_of_too_many_rows_ends_rejected(
    importing: Importing, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """Begun, it would outlive the function each time, and its import would never end."""
    monkeypatch.setattr(reading, "MAX_FILE_LINES", 1_000)
    importing.split(b"external_key\n" + b"a\n" * 1_000, f"imports/1/first.{ending}")
    (event,) = importing.bus.imports()
    assert event.state == "rejected"
    assert "more than 1,000 lines" in (event.reason or "")
    assert importing.queue.sent == []


def test_gzip_in_several_parts(importing: Importing) -> None:
    parts = gzip.compress(ndjson_of(GOOD[:3])) + gzip.compress(ndjson_of(GOOD[3:5]))
    assert importing._split(importing.files.put("imports/1/first.ndjson.gz", parts)) == Split(rows=5, chunks=1)


@pytest.mark.parametrize("key", ["imports/1/a.txt", "imports/1/a%2Bb.csv", "imports/1/a+b.csv", "exports/1/a.csv"])
def test_a_key_off_the_pattern_is_refused_and_not_repeated(importing: Importing, key: str) -> None:
    refused = importing.split(b"external_key\n", key)
    assert refused == Refused("the key is not imports/<tenant>/<import>.{ndjson,csv}[.gz]")


def test_a_tenant_that_does_not_exist_is_refused(importing: Importing) -> None:
    assert importing.split(ndjson_of(GOOD), "imports/2/first.ndjson") == Refused("there is no tenant 2")
    assert not importing.queue.sent
    assert not importing.bus.announced


def test_another_file_under_the_same_id_is_refused(importing: Importing) -> None:
    importing.split(ndjson_of(GOOD[:2]))
    refused = Refused("import first is another file's")
    assert importing.split(ndjson_of(GOOD[:3])) == refused
    assert importing.split(ndjson_of(GOOD[:2]), "imports/1/first.csv") == refused


def test_the_same_file_again_is_not_cut_again(importing: Importing) -> None:
    importing.split(ndjson_of(GOOD))
    assert importing.split(ndjson_of(GOOD)) == Split()
    assert len(importing.queue.sent) == 3


def test_a_file_that_is_gone_is_rejected(importing: Importing) -> None:
    event = importing.files.put("imports/1/first.ndjson", ndjson_of(GOOD))
    del importing.files.files["imports/1/first.ndjson"]
    assert importing._split(event) == Split(reason="the file is not there any more")


def test_a_split_that_died_begins_anew_with_the_same_chunks(importing: Importing) -> None:
    content = ndjson_of([*GOOD, {"external_key": "key 1"}])
    importing.queue.failures = [Unavailable("SQS")]
    with pytest.raises(Unavailable):
        importing.split(content)
    assert report_of(importing.imports).state == "splitting"
    importing.files.fail()
    with pytest.raises(Unavailable):
        importing.split(content)
    assert importing.split(content) == Split(rows=1_203, rejected=1, chunks=3)
    assert report_of(importing.imports).rejected == 1
    other = Importing(MemoryImports())
    other.imports.add_tenant(1)
    other.split(content)
    assert other.queue.sent == importing.queue.sent


def test_an_end_that_could_not_be_announced_is_made_up_for(importing: Importing) -> None:
    importing.split(ndjson_of(GOOD[:1]))
    importing.bus.is_away = True
    with pytest.raises(Unavailable):
        importing.register()
    importing.bus.is_away = False
    importing.register()
    assert [(event.state, event.registered) for event in importing.bus.imports()] == [("completed", 1)]


class TestBodies:
    def test_the_longest_rows_are_cut_by_size(self) -> None:
        rows = [
            SeekerRow(2**31 - n, "\U0001f600" * 63 + chr(0x1F600 + n % 50), line_id(n), 2**63 - 1) for n in range(500)
        ]
        bodies = bodies_of("i" * 64, 2**32 - 1, 7, rows)
        assert max(map(len, bodies)) <= CHUNK_BYTES
        chunks = [read(RegistrationChunk, body) for body in bodies]
        assert [SeekerRow(*row) for chunk in chunks for row in chunk.rows] == rows  # type: ignore[union-attr]
        assert [chunk.chunk for chunk in chunks] == list(range(7, 7 + len(bodies)))  # type: ignore[union-attr]

    def test_the_body_is_the_models(self) -> None:
        (body,) = bodies_of("first", 1, 3, [SeekerRow(2, '月 "', line_id(1), None), SeekerRow(3, "b", None, 5)])
        chunk = RegistrationChunk(
            import_id="first", tenant_id=1, chunk=3, rows=[(2, '月 "', line_id(1), None), (3, "b", None, 5)]
        )
        assert json.loads(body) == json.loads(chunk.model_dump_json())
        assert body.isascii()

    def test_usual_rows_stay_together(self) -> None:
        rows = [SeekerRow(n, f"seeker-{n}", line_id(n), n) for n in range(1, 501)]
        assert len(bodies_of("first", 1, 0, rows)) == 1

    def test_numbers_run_on(self, importing: Importing) -> None:
        long = [{"external_key": "月" * 60 + str(n), "line_user_id": line_id(n)} for n in range(1_000)]
        importing.split(ndjson_of(long))
        numbers = [chunk.chunk for chunk in importing.chunks()]
        assert len(numbers) > 2
        assert all(after == before + 1 for before, after in pairwise(numbers))
        assert len(importing.rows()) == 1_000


CREATED = {
    "version": "0",
    "id": "17793124-05d4-b198-2fde-7ededc63b103",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "account": "123456789012",
    "time": "2026-11-20T03:00:00Z",
    "region": "ap-northeast-1",
    "resources": ["arn:aws:s3:::bucket"],
    "detail": {
        "version": "0",
        "bucket": {"name": "bucket"},
        "object": {"key": "imports/1/a.csv", "size": 5, "etag": "b1946ac9", "version-id": "v1", "sequencer": "0"},
        "request-id": "N4N7GDK58NMKJ12R",
        "requester": "123456789012",
        "source-ip-address": "1.2.3.4",
        "reason": "PutObject",
    },
}


class TestEvent:
    def test_what_s3_says_is_read_and_more_is_allowed(self) -> None:
        created = read(ObjectCreated, json.dumps(CREATED))
        assert isinstance(created, ObjectCreated)
        place = created.detail.object
        assert (created.detail.bucket.name, place.key, place.etag, place.version_id) == (
            "bucket",
            "imports/1/a.csv",
            "b1946ac9",
            "v1",
        )

    @pytest.mark.parametrize("wrong", [{"source": "me"}, {"detail-type": "Object Deleted"}, {"detail": {}}])
    def test_anything_else_is_malformed(self, wrong: dict[str, object]) -> None:
        assert isinstance(read(ObjectCreated, json.dumps(CREATED | wrong)), Malformed)
