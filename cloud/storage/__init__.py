"""What the hub keeps: tables (`schema`) in one `database`, brought to shape by `migrations`, written in `bulk`; entries in `runs`, as they came;
sealed bytes in `blobs`, until `retention` lets them go. `turnstile` lets the hub and the operator's commands write one after the other."""
