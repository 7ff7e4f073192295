"""The hub: one listening wire, one link per cabin; documents go to the right agency's inbox and nobody here can read them.

- doing: `app` (wiring), `hub` (the loop), `hearing` (what a turn of it hears), `desks` (connections of agencies and newcomers), `counter` (what
  they ask)
- trust: `admission` (who may speak), `enrolment` (how a cabin becomes trusted) over `enrolment_table`, `keys` (the authority's under a
  `passphrase`), `directory` (draft and publish)
- the way of a document: `ledger` (the durable half of all links) → `ingest` (arriving entries by kind) → `delivery` (complete, checked) → `inbox`
- in the ledger: `gathered` (told since the last turn) and `turn` (written by this one); `places` (where all logs stand), `site_log` (one cabin's),
  `known` (looked up once), `owing` and `awaited` (documents to come), `contacts` (who is connected), `visits` (sums by day)
- after a backup: `restored` (the hub goes on), `lost` (what an agency is asked about then)
- of its disk: `proofreading` (what is altered or hidden), `damage` (what is done about that and about what is gone)
- `premises` is the hub's folder, `config` its one file; `fleet`: facts, state words, proof that everything has arrived; `storage`: tables and blobs
"""
