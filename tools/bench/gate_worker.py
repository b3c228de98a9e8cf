"""One worker process of the gate benchmark: the real use case, asking the double about chunks of one channel.

Reads the moment to start (seconds since the epoch) from stdin once it is warm, prints its figures as JSON.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from dataclasses import asdict

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from tools.bench.dynamo import CREDENTIALS, TABLE
from yomawari.adapters.curl import CurlEngine
from yomawari.adapters.gate import DynamoGate
from yomawari.adapters.line import LineProfiles
from yomawari.adapters.sqs_fake import AsyncQueueFake
from yomawari.adapters.ssm_fake import TokensFake
from yomawari.messages import MAX_CHUNK_SEEKERS, FriendCheckChunk
from yomawari.runtime import CALL_TIMEOUT_S, CONNECT_TIMEOUT_S, CONNECTIONS, now_us
from yomawari.usecases.check_friends import CheckFriends
from yomawari.usecases.checking import Checked, CheckSettings

TENANT_ID = 1
CHUNKS_AT_ONCE = CheckSettings().chunks_per_channel


async def main(line_url: str, dynamo_url: str, worker: int, chunks: int) -> None:
    """Warm up, wait for the start, check the chunks, a few at a time."""
    loop = asyncio.get_running_loop()
    engine = CurlEngine(
        loop, connections=CONNECTIONS, connect_timeout_s=CONNECT_TIMEOUT_S, timeout_s=CALL_TIMEOUT_S, cleartext=True
    )
    config = AioConfig(connect_timeout=1, read_timeout=5)
    async with get_session().create_client("dynamodb", endpoint_url=dynamo_url, config=config, **CREDENTIALS) as dynamo:
        writes = Counter[str]()
        dynamo.meta.events.register("before-call.dynamodb.UpdateItem", lambda **_: writes.update(["UpdateItem"]))
        gate = DynamoGate(dynamo, TABLE)
        queues = AsyncQueueFake()
        check = CheckFriends(
            gate=gate,
            profiles=LineProfiles(engine, line_url),
            tokens=TokensFake({TENANT_ID: f"double-{TENANT_ID}-bench"}),
            checks=queues,
            dead_letters=queues,
            writes=queues,
            clock=now_us,
            random=random.random,
        )
        await gate.closed("warm-up", now_us())
        print("ready", flush=True)
        start_s = float(await loop.run_in_executor(None, sys.stdin.readline))
        await asyncio.sleep(start_s - time.time())
        cpu_s = time.process_time()
        waiting = iter(range(chunks))

        async def one_after_another() -> list[Checked]:
            return [await check(_chunk(worker, k), now_us() + 60_000_000) for k in waiting]

        checked = await asyncio.gather(*(one_after_another() for _ in range(CHUNKS_AT_ONCE)))
    figures = [asdict(one) for some in checked for one in some]
    totals = {name: sum(one[name] for one in figures) for name in figures[0] if name != "reason"}
    print(json.dumps({**totals, "writes": writes.total(), "cpu_s": time.process_time() - cpu_s}))


def _chunk(worker: int, k: int) -> FriendCheckChunk:
    first = (worker * 10_000 + k) * MAX_CHUNK_SEEKERS + 1
    seekers = [(number, f"U{number:032x}") for number in range(first, first + MAX_CHUNK_SEEKERS)]
    return FriendCheckChunk(run_id=202611220200, tenant_id=TENANT_ID, chunk=k, seekers=seekers)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
