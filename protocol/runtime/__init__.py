"""Doing, for what `protocol` thinks: sockets (`wires`, the only import of zmq) and the `door` of a port, one running link (`pump`) and what it needs
of a disk (`store`), a line found (`reach`) where a name leads (`names`), found again (`backoff`) and looked at (`path`), when it may have more
(`room`), a question without a link (`asker`), the clock (`world`), a node's folder (`folder`), its one configuration file (`config`) and its log
(`logs`), room for a full disk (`ballast`), and memory given back (`allocator`)."""
