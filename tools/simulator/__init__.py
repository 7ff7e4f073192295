"""Cabins and hub under virtual time, with faults, from a seed: the real machines, the real buffer, the real ledger."""
