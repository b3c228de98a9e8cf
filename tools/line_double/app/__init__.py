"""The endpoints of api.line.me that the double knows: one module each, gathered here."""

from tools.line_double.app import followers, multicast, profile, push, quota, validate
from tools.line_double.app.endpoint import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = (
    profile.ENDPOINT,
    push.ENDPOINT,
    multicast.ENDPOINT,
    *validate.ENDPOINTS,
    *quota.ENDPOINTS,
    followers.ENDPOINT,
)


def endpoint_for(method: str, path: str) -> Endpoint | None:
    """The endpoint that answers this method and path (with its query, if any), None when LINE has none."""
    path = path.partition("?")[0]
    for endpoint in ENDPOINTS:
        if endpoint.method == method and endpoint.matches(path):
            return endpoint
    return None
