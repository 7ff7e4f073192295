"""Run by Alembic, which finds this file by its name: migrate on the connection in `config.attributes`, all in one transaction."""

from __future__ import annotations

from alembic import context

from cloud.storage.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
context.run_migrations()
