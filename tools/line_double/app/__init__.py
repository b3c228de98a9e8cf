"""The endpoints of api.line.me that the double knows: one module each, gathered here."""

from tools.line_double.app import multicast, profile, push, quota, validate
from tools.line_double.app.endpoint import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = (
    profile.ENDPOINT,
    push.ENDPOINT,
    multicast.ENDPOINT,
    *validate.ENDPOINTS,
    *quota.ENDPOINTS,
)


def endpoint_for(method: str, path: str) -> Endpoint | None:
    """The endpoint that answers this method and path, None when LINE has none."""
    for endpoint in ENDPOINTS:
        if endpoint.method == method and endpoint.matches(path):
            return endpoint
    return None
