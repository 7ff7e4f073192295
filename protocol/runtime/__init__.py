"""Doing, for what `protocol` thinks: sockets (`wires`, the only import of zmq), one running link (`pump`), a line found (`reach`) and looked at
(`path`), a question without a link (`asker`), the clock (`world`), a node's folder (`folder`), its one configuration file (`config`) and its log
(`logs`), and memory given back (`allocator`)."""
