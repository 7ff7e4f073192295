// A cabin's end of the link (SPEC sections 3 to 5): one connection, from its Hello until it ends. What is to survive it is in the journal.
import { Malformed } from "./msgpack.mjs";
import { UnknownTag, decode, encode } from "./nouns.mjs";
import { chained } from "./journal.mjs";
import { sha256 } from "./secrets.mjs";

const [ENTRY_BYTES_MAX, ENTRIES_FRAME_BYTES_MAX, ENTRIES_WINDOW_BYTES] = [49152, 65536, 131072];
const [ENTRIES_PER_FRAME_MAX, ENTRIES_FRAMES_MAX] = [4096, 16];
const [CHUNK_BYTES_MAX, CHUNK_ASKED_BYTES, WAITING_BYTES] = [524288, 32768, 65536];
const [BEAT_SECONDS, BEATS_MISSED_MAX, ACK_BEAT_SECONDS, STALL_SECONDS, RATE_UNKNOWN] = [10, 3, 0.5, 2, 16384];
const HEARD = { greeting: ["Hello", "Refused"], up: ["Entries", "Ack", "Want", "Chunk", "Gone", "Whisper", "Beat", "Refused"] };
const seconds = () => performance.now() / 1000;
const same = (one, other) => one.epoch === other.epoch && one.number === other.number && one.hash.equals(other.hash);

class Refusal extends Error {
    constructor(code, text) {
        super(text);
        this.code = code;
    }
}

export class Link {
    state = "greeting";
    said = 0; // numbers of my entries
    committed = 0;
    unacknowledged = []; // of each frame: its last number and its bytes
    wants = []; // of the hub, not answered
    beats = 0;
    beatsSaid = new Map(); // by their number: when
    beatHeard = { number: 0, at: 0 };
    roundTrip = 0; // seconds, the shortest
    heardAt = seconds();
    movedAt = seconds();

    /** `cabin` hears what happens: tell(word, facts), news() when something has become durable, said(bytes) of documents. */
    constructor(journal, wire, cabin) {
        Object.assign(this, { journal, wire, cabin });
        const { own, hub, directory, keys } = journal;
        this.say("Hello", {
            versions: [1],
            node: keys.site,
            boot: cabin.boot,
            first: 1,
            last: own.last,
            committed: hub.last.number,
            directory_version: directory.version,
            software: cabin.software,
            time: Date.now() * 1000,
            chunk_bytes_max: cabin.chunkBytesMax,
            heard: hub.last,
        });
        this.timer = setInterval(() => this.tick(), 500);
    }

    say(noun, value, ...raw) {
        this.wire.say(encode(noun, value), ...raw);
    }

    end() {
        this.state = "down";
        clearInterval(this.timer);
    }

    hear(parts) {
        if (this.state === "down") return;
        this.heardAt = seconds();
        try {
            const frame = decode("frame", parts[0]);
            if (parts.length !== (frame.noun === "Chunk" ? 2 : 1)) throw new Malformed("another number of parts");
            if (!HEARD[this.state].includes(frame.noun)) throw new Malformed(`${frame.noun} may not be said here`);
            this[`on${frame.noun}`](frame, parts[1]);
        } catch (error) {
            if (error instanceof UnknownTag) return;
            if (!(error instanceof Malformed || error instanceof Refusal)) throw error;
            const code = (this.refused = error.code ?? "malformed");
            this.say("Refused", { code, text: error.message, retry_after_seconds: 0, ask: 0 });
            this.cabin.tell("refuses", { code, text: error.message });
            this.end();
            this.wire.finish(code);
        }
    }

    onRefused({ code, text, retry_after_seconds }) {
        this.cabin.tell("refused", { code, text, retry_after_seconds });
        [this.refused, this.retryAfter] = [code, retry_after_seconds];
        this.end();
        this.wire.end(code);
    }

    onHello(hello) {
        const { own, hub } = this.journal;
        if (!hello.versions.includes(1)) throw new Refusal("unsupported-version", "This cabin speaks version 1.");
        if (hello.node !== "hub") throw new Refusal("not-enrolled", "This is not the hub.");
        if (hello.committed > own.last.number) throw new Refusal("log-fork", "The hub holds more than this cabin has written.");
        if (hello.heard.number !== (same(hello.heard, own.mark(0)) ? 0 : hello.committed)) throw new Malformed("heard is not the mark of committed");
        if (hello.last.number < hub.last.number || (hello.last.number === hub.last.number && !same(hello.last, hub.last)))
            throw new Refusal("log-fork", "The hub's log is not the one that this cabin knows.");
        this.state = "up";
        this.wasUp = true;
        this.hubLast = hello.last.number;
        this.chunkAsked = Math.min(CHUNK_ASKED_BYTES, hello.chunk_bytes_max);
        this.said = this.committed = hello.committed;
        this.cabin.tell("up", { committed: hello.committed });
        this.beat();
        this.sendEntries();
        this.fetchDirectory();
        this.cabin.news();
    }

    /** Both logs are where both ends said they are, and nothing is asked for. */
    get quiet() {
        const { own, hub } = this.journal;
        return this.state === "up" && !this.fetching && hub.last.number >= this.hubLast && own.last.number === this.committed;
    }

    // Entries: all of one frame are of one epoch, and no more are under way than the window holds.
    sendEntries() {
        const { entries } = this.journal.own;
        while (this.state === "up" && this.said < entries.length && this.unacknowledged.length < ENTRIES_FRAMES_MAX) {
            if (this.unacknowledged.reduce((sum, frame) => sum + frame.bytes, 0) >= ENTRIES_WINDOW_BYTES) return;
            const first = entries[this.said];
            const payloads = [];
            let bytes = 0;
            for (const entry of entries.slice(this.said, this.said + ENTRIES_PER_FRAME_MAX)) {
                if (entry.epoch !== first.epoch || bytes + entry.payload.length > ENTRIES_FRAME_BYTES_MAX) break;
                payloads.push(entry.payload);
                bytes += entry.payload.length;
            }
            this.said += payloads.length;
            this.say("Entries", { epoch: first.epoch, first: first.number, payloads, hash: entries[this.said - 1].hash });
            if (this.unacknowledged.length === 0) this.movedAt = seconds();
            this.unacknowledged.push({ last: this.said, bytes });
        }
    }

    onAck({ committed }) {
        if (committed > this.said) throw new Malformed("an acknowledgement of what was never said");
        if (committed <= this.committed) return;
        this.committed = committed;
        this.movedAt = seconds();
        this.unacknowledged = this.unacknowledged.filter((frame) => frame.last > committed);
        this.cabin.tell("committed", { number: committed });
        this.sendEntries();
        this.cabin.news();
    }

    // The hub's log: pass over what is held, chain the rest, hold it, and only then acknowledge.
    onEntries({ epoch, first, payloads, hash }) {
        const { hub } = this.journal;
        const sound = (payload) => payload.length > 0 && payload.length <= ENTRY_BYTES_MAX;
        if (payloads.length === 0 || !payloads.every(sound)) throw new Malformed("an entry out of bounds");
        if (first > hub.last.number + 1) throw new Refusal("log-gap", "Entries of the hub are missing.");
        const fresh = payloads.slice(hub.last.number + 1 - first);
        if (fresh.length === 0) return;
        let { number, hash: before } = hub.last;
        for (const payload of fresh) before = chained(before, epoch, ++number, payload);
        if (!before.equals(hash)) throw new Refusal("log-fork", "The hub's entries do not chain.");
        this.journal.append("hub", epoch, fresh);
        this.say("Ack", { committed: hub.last.number });
        this.beatDue = Math.min(this.beatDue, seconds() + ACK_BEAT_SECONDS);
        this.fetchDirectory();
        this.cabin.news();
    }

    // Wants are answered in their order, each when the kernel has taken most of what came before.
    onWant(want) {
        if (want.length_bytes > this.cabin.chunkBytesMax) throw new Malformed("a Want is too long");
        this.wants.push(want);
        if (this.wants.length === 1) this.answer();
    }

    answer() {
        while (this.state === "up" && this.wants.length > 0) {
            if (this.wire.waiting > WAITING_BYTES) return this.wire.drained(() => this.answer());
            const { digest, offset_bytes, length_bytes } = this.wants.shift();
            const name = digest.toString("hex");
            const document = this.journal.documents.find((one) => one.digest === name && !one.freed);
            if (document === undefined || offset_bytes >= document.bytes || !this.journal.hasBlob(name)) {
                this.cabin.tell("gone", { digest: name });
                this.say("Gone", { digest });
                continue;
            }
            const raw = this.journal.readBlob(name, offset_bytes, Math.min(length_bytes, document.bytes - offset_bytes));
            this.cabin.tell("chunk", { receipt: document.receipt, offset: offset_bytes, bytes: raw.length });
            this.say("Chunk", { digest, offset_bytes, total_bytes: document.bytes }, raw);
            this.cabin.said(raw.length);
        }
    }

    // The newest directory that the hub has announced, range by range.
    fetchDirectory() {
        if (this.fetching || this.state !== "up") return;
        const announced = [...this.journal.heard()].filter((event) => event.noun === "DirectoryPublished").at(-1);
        if (!announced || announced.version <= this.journal.directory.version || this.dropped?.equals(announced.digest)) return;
        this.fetching = { ...announced, bytes: Buffer.alloc(0) };
        this.want();
    }

    want() {
        const { digest, size_bytes, bytes } = this.fetching;
        this.movedAt = seconds();
        this.say("Want", { digest, offset_bytes: bytes.length, length_bytes: Math.min(this.chunkAsked, size_bytes - bytes.length) });
    }

    onChunk({ digest, offset_bytes, total_bytes }, raw) {
        const { fetching } = this;
        const wanted = fetching && Math.min(this.chunkAsked, fetching.size_bytes - fetching.bytes.length);
        if (!fetching || !digest.equals(fetching.digest) || offset_bytes !== fetching.bytes.length) throw new Malformed("this answers another Want");
        if (total_bytes !== fetching.size_bytes || raw.length !== wanted) return this.drop("not as it was announced");
        fetching.bytes = Buffer.concat([fetching.bytes, raw]);
        if (fetching.bytes.length < fetching.size_bytes) return this.want();
        if (!sha256(fetching.bytes).equals(digest)) {
            fetching.bytes = Buffer.alloc(0);
            return this.want();
        }
        try {
            this.journal.keepDirectory(fetching.bytes);
        } catch (error) {
            if (!(error instanceof Malformed)) throw error;
            return this.drop(error.message);
        }
        this.fetching = undefined;
        this.cabin.tell("directory", { version: this.journal.directory.version });
        this.cabin.news();
    }

    onGone({ digest }) {
        if (!this.fetching?.digest.equals(digest)) throw new Malformed("this answers another Want");
        this.drop("the hub has it no more");
    }

    // Until it is announced or connected anew.
    drop(reason) {
        this.cabin.tell("set aside", { directory: this.fetching.version, reason });
        this.dropped = this.fetching.digest;
        this.fetching = undefined;
    }

    onWhisper() {}

    onBeat({ number, echo, held_seconds }) {
        this.beatHeard = { number, at: seconds() };
        const said = this.beatsSaid.get(echo);
        if (said !== undefined) this.roundTrip = Math.min(this.roundTrip || Infinity, Math.max(0, seconds() - said - held_seconds));
        for (const old of this.beatsSaid.keys()) if (old <= echo) this.beatsSaid.delete(old);
    }

    beat() {
        const waiting = this.journal.documents.filter((document) => !document.freed);
        this.beatsSaid.set(++this.beats, seconds());
        this.beatDue = seconds() + BEAT_SECONDS;
        this.say("Beat", {
            number: this.beats,
            time: Date.now() * 1000,
            echo: this.beatHeard.number,
            held_seconds: this.beatHeard.number ? seconds() - this.beatHeard.at : 0,
            last: this.journal.own.last,
            vitals: {
                waiting_documents: waiting.length,
                waiting_bytes: waiting.reduce((sum, document) => sum + document.bytes, 0),
                oldest_seconds: waiting.length ? Date.now() / 1000 - waiting[0].seconds : 0,
                disk_free_bytes: this.journal.freeBytes(),
                visitor: false,
                devices: {},
                troubles: [],
                shut: "",
                shut_since: null,
                opens_at: null,
            },
        });
    }

    // A link is gone when nothing was heard for three beats, or when what is outstanding has not moved for too long.
    tick() {
        const now = seconds();
        const outstanding = this.unacknowledged.reduce((sum, frame) => sum + frame.bytes, 0) + (this.fetching ? this.chunkAsked : 0);
        const patience = STALL_SECONDS + 4 * this.roundTrip + Math.min(outstanding, CHUNK_BYTES_MAX) / RATE_UNKNOWN;
        if (now - this.heardAt > BEATS_MISSED_MAX * BEAT_SECONDS) this.wire.end("nothing was heard");
        else if (outstanding > 0 && now - this.movedAt > patience) this.wire.end("nothing has moved");
        else if (this.state === "up" && now >= this.beatDue) this.beat();
    }
}
