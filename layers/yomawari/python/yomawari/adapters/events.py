"""The event bus: what happened, for whoever wants to know."""

from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from yomawari.messages import Event
from yomawari.usecases.ports import Unavailable

SOURCE: Final = "yomawari"
DETAIL_TYPES: Final = {"run_completed": "RunCompleted", "tenant_held": "TenantHeld"}


class EventBus:
    """A bus behind a boto3 EventBridge client."""

    def __init__(self, client: Any, bus_name: str) -> None:  # noqa: ANN401 - boto3 makes its clients at run time
        self._client = client
        self._bus_name = bus_name

    def announce(self, event: Event) -> None:
        """Put the event on the bus.

        Raises:
            Unavailable: the bus did not take it. It may have all the same: events are delivered at least once.
        """
        entry = {
            "EventBusName": self._bus_name,
            "Source": SOURCE,
            "DetailType": DETAIL_TYPES[event.kind],
            "Detail": event.model_dump_json(),
        }
        try:
            answer = self._client.put_events(Entries=[entry])
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"EventBridge: {error}") from error
        if answer["FailedEntryCount"]:
            raise Unavailable(f"EventBridge: {answer['Entries'][0]['ErrorCode']}")
