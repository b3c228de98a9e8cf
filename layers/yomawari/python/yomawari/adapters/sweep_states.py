"""The ids of unfinished sweeps in S3, under the keys that their messages carry."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from yomawari.usecases.ports import Unavailable


class S3SweepStates:
    """Objects of a bucket behind an aiobotocore S3 client; the bucket's lifecycle removes them after a day."""

    def __init__(self, client: Any, bucket: str) -> None:  # noqa: ANN401 - aiobotocore makes its clients at run time
        self._client = client
        self._bucket = bucket

    async def save(self, key: str, packed: bytes) -> None:
        """See SweepStates.

        Raises:
            Unavailable: S3 did not take it.
        """
        try:
            await self._client.put_object(Bucket=self._bucket, Key=key, Body=packed)
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"S3: {error}") from error

    async def load(self, key: str) -> bytes | None:
        """See SweepStates.

        Raises:
            Unavailable: S3 cannot be read.
        """
        try:
            answer = await self._client.get_object(Bucket=self._bucket, Key=key)
            async with answer["Body"] as body:
                packed: bytes = await body.read()
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise Unavailable(f"S3: {error}") from error
        except BotoCoreError as error:
            raise Unavailable(f"S3: {error}") from error
        return packed
