"""A bucket in memory."""

from hashlib import md5
from io import BytesIO
from typing import BinaryIO

from yomawari.messages.s3 import ObjectCreated
from yomawari.usecases.import_ports import FileGone, StoredFile
from yomawari.usecases.ports import Unavailable


class FilesFake:
    """Holds files by key; `failures` are raised one by one before anything is opened."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.failures: list[Exception] = []

    def put(self, key: str, content: bytes) -> ObjectCreated:
        """Put a file there; what S3 says of it."""
        self.files[key] = content
        place = {"bucket": {"name": "imports"}, "object": {"key": key, "etag": _etag(content)}}
        return ObjectCreated.model_validate({"source": "aws.s3", "detail-type": "Object Created", "detail": place})

    def open(self, file: StoredFile) -> BinaryIO | FileGone:
        """See Files."""
        if self.failures:
            raise self.failures.pop(0)
        content = self.files.get(file.key)
        return FileGone() if content is None or _etag(content) != file.etag else BytesIO(content)

    def fail(self) -> None:
        """Let the next opening fail."""
        self.failures.append(Unavailable("S3: the fake is away"))


def _etag(content: bytes) -> str:
    return md5(content, usedforsecurity=False).hexdigest()
