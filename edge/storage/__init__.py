"""The insides of the cabin's buffer (`edge/buffer.py` is its front): one SQLite file, and a mark beside it that tells when it was put back.

- ground: `database` (connection, transactions, errors), `migrations`, `rows` (sealed, so that an altered one is noticed), `disk`, `room`
- tables: `journal` (own log), `cabin_log` (both logs as a link sees them), `blobs`, `documents`, `receipts`, `directory`, `numbers`,
  `kept` (secured, and here for a while)
- turns: `outbox` (put a document), `inlet` (apply what came), `durably` (one turn with its mark and its ballast)
- opening: `opening` (verify, move damage aside), `high_water`
"""
