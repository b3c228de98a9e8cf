"""Channel access tokens in SSM: `<path>/<tenant id>/channel-access-token`, SecureStrings.

A token never leaves this module but as the answer of `Tokens.token`; no error carries one.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from yomawari.usecases.ports import Unavailable

CACHE_S: Final = 300


def token_name(path: str, tenant_id: int) -> str:
    """The parameter that holds a tenant's token."""
    return f"{path}/{tenant_id}/channel-access-token"


class TokenNames:
    """Which tenants have a token; asks for names only, so it needs no right to decrypt."""

    def __init__(self, client: Any, path: str) -> None:  # noqa: ANN401 - boto3 makes its clients at run time
        self._client = client
        self._path = path
        self._name = re.compile(re.escape(path) + r"/(\d+)/channel-access-token")

    def tenants_with_token(self) -> set[int]:
        """The ids of the tenants that have one.

        Raises:
            Unavailable: SSM cannot be asked.
        """
        pages = self._client.get_paginator("get_parameters_by_path").paginate(
            Path=self._path, Recursive=True, WithDecryption=False
        )
        try:
            names = [parameter["Name"] for page in pages for parameter in page["Parameters"]]
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"SSM: {error}") from error
        return {int(match[1]) for match in map(self._name.fullmatch, names) if match}


class Tokens:
    """The tokens themselves, decrypted and kept for five minutes; `clock` gives seconds that only grow."""

    def __init__(self, client: Any, path: str, clock: Callable[[], float]) -> None:  # noqa: ANN401 - as above
        self._client = client
        self._path = path
        self._clock = clock
        self._kept: dict[int, tuple[float, str]] = {}
        self._asking: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def token(self, tenant_id: int) -> str | None:
        """The tenant's token, None when it has none; the chunks of one tenant share one request.

        Raises:
            Unavailable: SSM cannot be asked.
        """
        async with self._asking[tenant_id]:
            until_s, kept = self._kept.get(tenant_id, (0.0, ""))
            now_s = self._clock()
            if now_s < until_s:
                return kept
            token = await self._read(tenant_id)
            if token is not None:  # a missing one is looked for again: it may be put there just before a redrive
                self._kept[tenant_id] = (now_s + CACHE_S, token)
            return token

    def forget(self, tenant_id: int) -> None:
        """Read the tenant's token anew next time, because LINE refused the one in hand."""
        self._kept.pop(tenant_id, None)

    async def _read(self, tenant_id: int) -> str | None:
        try:
            answer = await self._client.get_parameter(Name=token_name(self._path, tenant_id), WithDecryption=True)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ParameterNotFound":
                return None
            raise Unavailable(f"SSM: {error}") from error
        except BotoCoreError as error:
            raise Unavailable(f"SSM: {error}") from error
        return str(answer["Parameter"]["Value"])
