"""The directory at the hub: `draft` is what the operator edits, `publish` makes the next signed version of it."""
