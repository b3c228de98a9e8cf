"""Reading an object as a stream, with what goes wrong on the way told as the use cases understand it."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import RawIOBase
from typing import Any, BinaryIO, Final, cast

from botocore.exceptions import BotoCoreError, ClientError

from yomawari.usecases.import_ports import FileGone, StoredFile
from yomawari.usecases.ports import Unavailable

_GONE: Final = frozenset({"NoSuchKey", "NoSuchVersion", "NoSuchBucket", "PreconditionFailed", "404", "412"})


class S3Files:
    """The buckets behind a boto3 S3 client."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - boto3 makes its clients at run time
        self._client = client

    def open(self, file: StoredFile) -> BinaryIO | FileGone:
        """The object's bytes, of just that content: an object that was replaced since counts as gone.

        Raises:
            Unavailable: S3 cannot be reached, or (on reading) was lost in the middle.
        """
        version = {"VersionId": file.version_id} if file.version_id else {}
        try:
            answer = self._client.get_object(Bucket=file.bucket, Key=file.key, IfMatch=f'"{file.etag}"', **version)
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return FileGone()
            raise Unavailable(f"S3: {error}") from error
        except BotoCoreError as error:
            raise Unavailable(f"S3: {error}") from error
        return cast("BinaryIO", _Body(answer["Body"]))


class _Body(RawIOBase):
    """botocore's body, which is a stream already, but for its errors."""

    def __init__(self, body: Any) -> None:  # noqa: ANN401 - as above
        super().__init__()
        self._body = body

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - as the base class has it
        """Read some bytes; 0 at the end."""
        with _told():
            return int(self._body.readinto(buffer))

    def close(self) -> None:
        """Give the connection back, also when there is more to read."""
        self._body.close()
        super().close()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, OSError) as error:
        raise Unavailable(f"S3: {error}") from error
