"""Databases as earlier releases left them, made by their own migrations."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from cloud.storage import database


def build(connection: Connection, shape: str) -> None:
    """Give an empty database the shape of an earlier release, as in "0004"."""
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, shape)
