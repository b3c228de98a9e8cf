"""What S3 says on the event bus of AWS, as far as it matters here. What AWS adds to it some day is no error."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from yomawari.messages.base import Message


class _Theirs(BaseModel):
    """A part of a body that AWS writes: it may come to say more than it does today."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class BucketNamed(_Theirs):
    """Which bucket an object lies in."""

    name: str


class ObjectNamed(_Theirs):
    """Which object, and what is in it: another etag is another content. The key is as it is, not URL-encoded."""

    key: str
    etag: str
    version_id: Annotated[str | None, Field(alias="version-id")] = None


class ObjectPlace(_Theirs):
    """The part of S3's event that says what was put where."""

    bucket: BucketNamed
    object: ObjectNamed


class ObjectCreated(Message):
    """S3's `Object Created`, as EventBridge puts it on the imports queue."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    source: Literal["aws.s3"]
    detail_type: Annotated[Literal["Object Created"], Field(alias="detail-type")]
    detail: ObjectPlace
