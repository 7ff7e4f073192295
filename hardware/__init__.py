"""Small ports, one file per real device, and simulators that can misbehave. Imports nothing of ours."""
