"""The hub: one listening wire, one link per cabin; documents go to the right agency's inbox and nobody here can read them.

- doing: `app` (wiring), `hub` (the loop), `counter` (questions of agencies and newcomers)
- trust: `admission` (who may speak), `enrolment` (how a cabin becomes trusted), `keys`, `directory` (draft and publish)
- the way of a document: `ledger` (the durable half of all links) → `ingest` (arriving entries by kind) → `inbox`
- `fleet`: facts, state words, proof that everything has arrived; `storage`: tables and blobs
"""
