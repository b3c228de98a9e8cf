"""Reading objects from S3 as moto's server speaks it, and from one that goes away in the middle."""

import io
from collections.abc import Callable
from hashlib import md5
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, IncompleteReadError
from botocore.response import StreamingBody

from tests.support.moto import REGION
from yomawari.adapters.s3 import S3Files
from yomawari.usecases.import_ports import FileGone, StoredFile
from yomawari.usecases.ports import Unavailable

Aws = Callable[[str], Any]
CONTENT = b"x" * 300_000
ETAG = md5(CONTENT, usedforsecurity=False).hexdigest()


@pytest.fixture
def s3(aws: Aws) -> Any:
    client = aws("s3")
    client.create_bucket(Bucket="files", CreateBucketConfiguration={"LocationConstraint": REGION})
    client.put_bucket_versioning(Bucket="files", VersioningConfiguration={"Status": "Enabled"})
    return client


def stored(key: str = "a", etag: str = ETAG, version_id: str | None = None, bucket: str = "files") -> StoredFile:
    return StoredFile(bucket, key, etag, version_id)


def test_an_object_is_a_stream(s3: Any) -> None:
    s3.put_object(Bucket="files", Key="a", Body=CONTENT)
    opened = S3Files(s3).open(stored())
    assert not isinstance(opened, FileGone)
    with opened, io.BufferedReader(opened) as stream:  # type: ignore[type-var]
        assert stream.read(10) == b"x" * 10
        assert stream.read() == CONTENT[10:]
        assert stream.read() == b""


def test_it_may_be_left_before_its_end(s3: Any) -> None:
    s3.put_object(Bucket="files", Key="a", Body=CONTENT)
    opened = S3Files(s3).open(stored())
    assert not isinstance(opened, FileGone)
    opened.close()
    assert opened.closed


def test_an_older_version_is_read_where_it_is_named(s3: Any) -> None:
    first = s3.put_object(Bucket="files", Key="a", Body=CONTENT)
    s3.put_object(Bucket="files", Key="a", Body=b"newer")
    assert S3Files(s3).open(stored()) == FileGone(), "the content is another one"
    opened = S3Files(s3).open(stored(version_id=first["VersionId"]))
    assert not isinstance(opened, FileGone)
    opened.close()


@pytest.mark.parametrize("wrong", [{"key": "b"}, {"bucket": "nowhere"}, {"version_id": "v" * 32}])
def test_what_is_not_there_is_gone(s3: Any, wrong: dict[str, str]) -> None:
    s3.put_object(Bucket="files", Key="a", Body=CONTENT)
    assert S3Files(s3).open(stored(**wrong)) == FileGone()


class Away:
    """A client whose object cannot be read, or not to its end."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def get_object(self, **_: object) -> dict[str, Any]:
        if self._error:
            raise self._error
        return {"Body": StreamingBody(io.BytesIO(b"cut"), content_length=9)}


def test_a_server_that_is_away_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="S3"):
        S3Files(Away(ConnectionClosedError(endpoint_url="x"))).open(stored())


def test_a_refusal_is_unavailable_too_for_somebody_may_mend_it(s3: Any) -> None:
    with pytest.raises(s3.exceptions.NoSuchKey) as raised:
        s3.get_object(Bucket="files", Key="none")
    raised.value.response["Error"]["Code"] = "AccessDenied"
    with pytest.raises(Unavailable, match="S3"):
        S3Files(Away(raised.value)).open(stored())


def test_a_server_that_goes_away_in_the_middle_is_unavailable() -> None:
    opened = S3Files(Away()).open(stored())
    assert not isinstance(opened, FileGone)
    with pytest.raises(Unavailable, match="S3") as raised, io.BufferedReader(opened) as stream:  # type: ignore[type-var]
        stream.read()
    assert isinstance(raised.value.__cause__, IncompleteReadError)
