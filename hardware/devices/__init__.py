"""One file per real model; its head names what it was tried with."""
