"""One private MariaDB server for the whole test session, and an empty database for each test that asks.

`tests/conftest.py` takes the fixtures from here.
"""

import warnings
from collections.abc import Iterator
from itertools import count

import pytest

from tools.bench.private_server import PrivateServer
from yomawari.adapters.mysql.connection import Database

_numbers = count(1)


@pytest.fixture(scope="session")
def mariadb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateServer]:
    """The session's server."""
    with warnings.catch_warnings():
        # The server outlives the object that started it, which subprocess warns of.
        warnings.simplefilter("ignore", ResourceWarning)
        server = PrivateServer(tmp_path_factory.mktemp("mariadb"))
    yield server
    server.stop()


@pytest.fixture
def database(mariadb_server: PrivateServer) -> Iterator[Database]:
    """A database of the test's own."""
    fresh = mariadb_server.fresh(f"test_{next(_numbers)}")
    yield fresh
    mariadb_server.drop(fresh)
