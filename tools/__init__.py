"""`kabine`'s commands, one file per family, and what runs the whole house at once: the demo, the simulator, the benchmarks."""
