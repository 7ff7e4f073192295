"""Devices without hardware. `paper` draws what lies on the glass: plausible German letters, forms and receipts from a seed."""
