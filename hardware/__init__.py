"""Small ports, one file per real device, and simulators that can misbehave. Imports nothing of ours.

- ports: `scanner`, `camera`, `printer`, `presence` (also of a key switch), `lamp`; `devices/` and `simulated/` implement them
- `fittings` are the tables of a configuration, `fitted` makes devices of them, `absent` refuses in place of what is not fitted
- `camera_scanner` puts a camera in a scanner's place, once `stillness` has seen a sheet lie still; `glance` is the last known state of a device that
  answers slowly, `complaint` why one does not answer
"""
