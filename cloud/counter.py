"""The counter: whoever keeps no link asks here. Newcomers claim their site, agencies' connectors see to their inbox."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from cloud import enrolment, inbox
from cloud.admission import Guest, Kind
from cloud.ledger import Ledger
from protocol import limits
from protocol.asking import Answer, Ask, CurrentDirectory, Done, ListInbox, MakeClaim, Reply, ShowDirectory, Tell
from protocol.errors import Code, Refused
from protocol.ids import AgencyId, Digest

LISTING_MAX = 50
