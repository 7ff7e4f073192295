"""Alembic migrations. `env` runs them on the connection that `Database` hands over; `versions` holds one file for each release."""
