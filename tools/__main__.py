"""`python -m tools` is `kabine`."""

from tools.command import main

main()
