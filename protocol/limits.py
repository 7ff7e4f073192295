"""Every bound in the system, with its unit and its reason. Both ends must agree about those that a Hello carries."""

from __future__ import annotations

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

# --- frames -----------------------------------------------------------------------------------------------------
PROTOCOL_VERSION: Final = 1
MESSAGE_BYTES_MAX: Final = 2 * MIB  # ZMQ MAXMSGSIZE: no peer can make us hold more than this at once
ENTRIES_FRAME_BYTES_MAX: Final = 64 * KIB  # payloads of one Entries frame: at 1 Mbit/s half a second, never more
ENTRY_BYTES_MAX: Final = 48 * KIB  # one entry fits in one frame; a sealed summary of 32 KiB fits in one entry
ENTRIES_PER_FRAME_MAX: Final = 4096  # a decoder may allocate so many small objects, no more
WHISPER_BYTES_MAX: Final = 64 * KIB
ECHO_BYTES_MAX: Final = 1 * KIB  # of a whisper that is said back
WHISPERS_WAITING_MAX: Final = 64  # in a cabin for its uplink's next turn; older ones are no news any more
CHUNK_BYTES_MAX: Final = 512 * KIB  # most documents in one piece; 1.5 GB/s through CURVE from 256 KiB on
# What a hub is told at once is at most a chunk. Strangers can make it hold so much, each of them, until their time for a handshake is over.
HEARD_BYTES_MAX: Final = CHUNK_BYTES_MAX + 64 * KIB
CHUNK_BYTES_MIN: Final = 4 * KIB  # smaller pays more for headers than it wins in promptness
TEXT_CHARS_MAX: Final = 500  # any text for a person on the wire
NUMBER_MAX: Final = 2**53 - 1  # any whole number on the wire: a browser counts no further, SQLite to 2**63
SPAN_SECONDS_MAX: Final = 10.0**11  # any length of time on the wire: as far as clocks can be wrong; no infinity, no NaN

# --- link -------------------------------------------------------------------------------------------------------
BEAT_SECONDS: Final = 10.0  # at rest, shown as "last contact"; three missed end a link …
BEAT_VISIT_SECONDS: Final = 4.0  # … and while somebody is in the cabin, because its screen says whether the line stands
BEATS_MISSED_MAX: Final = 3
KEEPALIVE_SECONDS: Final = 60  # of silence, then the hub's kernel asks who is still there: connectors have no beats …
KEEPALIVE_AGAIN_SECONDS: Final = 10  # … and who has not answered by then (TCP_MAXRT) is gone
FRESH_SECONDS: Final = 1.0  # so soon after something became durable the next beat tells of it
STALL_SECONDS: Final = 2.0  # nothing heard for so long while something is outstanding: the line is gone
HELLO_SECONDS: Final = 10.0  # a peer that is connected but says no Hello
RECONNECT_SECONDS_SOON: Final = 0.25  # full jitter below it: a line that is back is noticed after 83 ms on average …
RECONNECT_SOON: Final = 28  # … for so many attempts, 3.5 s on average. What lasts longer is no cut: from here …
RECONNECT_SECONDS_LATER: Final = 5.0  # … a fleet spreads, so that a hub that starts can greet one after the other …
RECONNECT_GROWTH: Final = 1.5  # … and the bound grows by so much …
RECONNECT_SECONDS_MAX: Final = 15.0  # … to here, for ever
RECONNECT_BUSY_SECONDS: Final = 2.0  # the first bound where somebody answered and had no time for a handshake …
RECONNECT_BUSY_GROWTH: Final = 2.0  # … and its growth
HANDSHAKE_MILLISECONDS: Final = 5000  # ZMQ HANDSHAKE_IVL: a slow-loris holds a descriptor no longer; four round trips by satellite are three seconds
HIGH_WATER_MESSAGES: Final = 80  # of the socket, for what comes: bounds the memory of who is slow to hear
# … and for what goes. ZeroMQ tells only after every half of it that messages have left: no more than the other half is sure to be free …
SEND_HIGH_WATER_MESSAGES: Final = 200
WANTS_MAX: Final = 56  # … and takes the wants outstanding, a window of documents of 300 KB, or their answers, …
ENTRIES_FRAMES_MAX: Final = 16  # … so many frames of entries not yet acknowledged, and their acknowledgements
ENTRIES_WINDOW_BYTES: Final = 128 * KIB  # entries not yet acknowledged: documents already announced travel meanwhile
ENTRIES_WINDOW_BYTES_MAX: Final = MIB  # … at most, where line and disk carry as much in a round trip and …
ENTRIES_QUEUE_SECONDS: Final = 0.05  # … so much: a whisper waits no longer behind them
TALK_SECONDS: Final = 2.0  # after an entry or a whisper the next one is expected for so long, and room left for it …
FAST_RATE: Final = 2_500_000  # … on lines of so many bytes per second at most: on faster ones nothing waits long
WINDOW_BYTES_MIN: Final = 8 * KIB  # wants outstanding: two chunks, so that one travels while the other is asked for
WINDOW_BYTES_FIRST: Final = 24 * KIB  # … before anything is known of the line: on 2 Mbit/s an entry waits 0.1 s at most
WINDOW_BYTES_MAX: Final = 16 * MIB  # on loopback: so much travels while the hub's disk is busy with what came before
HUB_WINDOW_BYTES: Final = 64 * MIB  # wants outstanding over all cabins: bounds the hub's memory

# --- documents --------------------------------------------------------------------------------------------------
DOCUMENT_PAGES_MAX: Final = 300  # a thick file of papers; more is a parcel
DOCUMENT_BYTES_MAX: Final = 100 * 1000 * 1000  # the PDF; on 2 Mbit/s seven minutes
INPUT_BYTES_MAX: Final = 400 * 1000 * 1000  # one file given to capture
PAGE_PIXELS_MAX: Final = 120_000_000  # A3 at 600 dpi is 70 million; 20,000 x 20,000 is 400 million and refused
ENVELOPE_BYTES_MAX: Final = 110 * 1000 * 1000  # PDF, manifest, padding and age's overhead
SUMMARY_BYTES_MAX: Final = 32 * KIB
TITLE_CHARS_MAX: Final = 120
REMARK_CHARS_MAX: Final = 1000  # what an agency writes to a visitor with a return, on the wire too

# --- sealing ----------------------------------------------------------------------------------------------------
HEADER_BYTES_MAX: Final = 256 * KIB  # of an age file: 150 hybrid recipients; bounds what a stranger makes us try
KEY_TEXT_CHARS_MAX: Final = 2200  # a hybrid recipient has 1,959
KEY_FILE_BYTES_MAX: Final = 1 * MIB  # recipients or identities, one a line
SCRYPT_WORK_FACTOR: Final = 18  # log2 N when a passphrase wraps a key: a quarter of a gigabyte, about a second
SCRYPT_WORK_FACTOR_MAX: Final = 20  # when opening: a gigabyte and some seconds, no more on a stranger's word

# --- disk -------------------------------------------------------------------------------------------------------
DISK_FREE_BYTES_MIN: Final = 200 * MIB  # below: the cabin takes no new document, the hub wants no more blobs
OUTBOX_DOCUMENTS_MAX: Final = 20_000  # a month without a line in the busiest cabin
BUFFER_BYTES_MAX: Final = 64 * 1024 * MIB  # the cabin's file: a month without a line, and no more of a shared disk
BALLAST_BYTES: Final = 32 * MIB  # of no use but to be given up: on a full disk even deleting needs room to write
ENTRIES_KEPT: Final = 300  # acknowledged ones a cabin has at least, should the hub come back from an older copy …
EPOCH_ENTRIES_MAX: Final = 4096  # … and it forgets whole epochs, whose key the hub would miss: so they come to an end
KEPT_SECONDS: Final = 3 * 86_400.0  # in touch with the hub: a weekend and a day, should it come back from Friday's copy
KEPT_BYTES_MAX: Final = 1024 * MIB  # of secured documents: three days of the busiest cabin, on any disk that is sold
KEPT_DOCUMENTS_MAX: Final = 5_000  # … and their entries stay as long
KEPT_DISK_FREE_BYTES: Final = 512 * MIB  # beside what stays free: with less, what is kept makes room for what comes
IN_TOUCH_SECONDS_MAX: Final = 60.0  # between two words of the hub: a line that was silent for longer has ended
DOCUMENTS_REMEMBERED: Final = 1000  # accepted or returned ones that the cabin's screen can still tell about
RECEIPTS_PARKED_MAX: Final = 10_000  # receipts that wait for the directory which names their signer
TROUBLES_MAX: Final = 32  # different sentences about what is wrong, kept for the doctor …
TROUBLES_TOLD_MAX: Final = 8  # … and told in a beat

# --- trust ------------------------------------------------------------------------------------------------------
INVITATION_SECONDS: Final = 24 * 3600
CARD_CHARS_MAX: Final = 4000  # an inbox card has 3,450 with its recipient; a terminal takes lines of 4,095
DIRECTORY_BYTES_MAX: Final = 16 * MIB  # 10,000 cabins and 1,000 agencies need 4
CLOCK_OFFSET_WARN_SECONDS: Final = 2.0
CLOCK_OFFSET_CRITICAL_SECONDS: Final = 60.0
