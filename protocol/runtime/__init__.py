"""Doing, for what `protocol` thinks: sockets (`wires`, the only import of zmq), one running link (`pump`), the clock (`world`),
a node's folder (`folder`) and its one configuration file (`config`)."""
