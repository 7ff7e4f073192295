"""Sealed bytes beside the database: append-only `segments`, their running `sums`, and `holes` where bytes were let go."""
