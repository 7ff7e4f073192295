"""What the hub keeps: tables (`schema`) in one `database`, brought to shape by `migrations`; sealed bytes in `blobs`."""
