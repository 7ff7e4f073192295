"""Speed, measured side by side with references in one run; never asserted in a test."""
