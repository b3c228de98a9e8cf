"""The fixtures that every test may ask for."""

from tests.support.mariadb import database, mariadb_server
from tests.support.moto import aws, moto_options, moto_session

__all__ = ["aws", "database", "mariadb_server", "moto_options", "moto_session"]
