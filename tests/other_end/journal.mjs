// What a cabin keeps (SPEC sections 1 and 4): its own log, what it holds of the hub's, sealed documents, the directory. One folder with
// keys.json, directory.bin, blobs/, and journal.jsonl: a line for each entry of either log, in the order in which they became durable.
import { closeSync, existsSync, openSync, readFileSync, readSync, statfsSync, truncateSync, unlinkSync } from "node:fs";
import { join as path } from "node:path";
import { next } from "./directory.mjs";
import { appendDurably, readKeys, writeDurably } from "./folder.mjs";
import { Malformed } from "./msgpack.mjs";
import { MARK_NONE, decode, encode } from "./nouns.mjs";
import { clearPayload, freshKey, sealedPayload, sha256, wrapJournalKey } from "./secrets.mjs";

const EPOCH_ENTRIES_MAX = 4096;

/** hash = SHA-256(hash before ‖ epoch ‖ number ‖ payload) */
export function chained(before, epoch, number, payload) {
    const place = Buffer.alloc(16);
    place.writeBigUInt64BE(BigInt(epoch), 0);
    place.writeBigUInt64BE(BigInt(number), 8);
    return sha256(before, place, payload);
}

class Log {
    entries = []; // entry n is at n - 1: nothing is forgotten

    /** A Mark: everything up to and including `number`. */
    mark(number) {
        if (number === 0) return MARK_NONE;
        const { epoch, hash } = this.entries[number - 1];
        return { epoch, number, hash };
    }

    get last() {
        return this.mark(this.entries.length);
    }

    next(epoch, payload) {
        const { number, hash } = this.last;
        return { epoch, number: number + 1, payload, hash: chained(hash, epoch, number + 1, payload) };
    }
}

export class Journal {
    own = new Log();
    hub = new Log();
    documents = []; // { receipt, agency, envelope, digest, bytes, seconds, manifest: digest of its body }, and `freed` once it was stored

    constructor(folder) {
        this.folder = folder;
        this.keys = readKeys(folder);
        this.file = path(folder, "journal.jsonl");
        if (existsSync(this.file)) {
            const raw = readFileSync(this.file);
            const whole = raw.lastIndexOf("\n") + 1;
            if (whole < raw.length) truncateSync(this.file, whole); // a line that a crash has cut: nobody heard of it
            for (const line of raw.toString("utf8", 0, whole).split("\n").filter(Boolean)) this.replay(JSON.parse(line));
        }
        const directory = path(folder, "directory.bin");
        if (existsSync(directory)) this.held = next(undefined, readFileSync(directory), this.keys.authorityKey);
    }

    get directory() {
        return this.held.directory;
    }

    keepDirectory(bytes) {
        const now = next(this.held, bytes, this.keys.authorityKey);
        if (now === this.held) return;
        writeDurably(path(this.folder, "directory.bin"), bytes);
        this.held = now;
    }

    replay({ log, epoch, payload, hash, document }) {
        const entry = this[log].next(epoch, Buffer.from(payload, "base64"));
        if (entry.hash.toString("hex") !== hash) throw new Malformed(`entry ${entry.number} of the ${log} log is damaged`);
        this[log].entries.push(entry);
        if (document) this.documents.push(document);
    }

    /** Durable first; only then is it said. One line for each payload. */
    append(log, epoch, payloads, document) {
        let { hash, number } = this[log].last;
        const lines = payloads.map((payload) => {
            hash = chained(hash, epoch, ++number, payload);
            return { log, epoch, payload: payload.toString("base64"), hash: hash.toString("hex"), document };
        });
        appendDurably(this.file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
        for (const line of lines) this.replay(line);
    }

    /** A new epoch at each process start, and when one is full; its journal key exists in memory only. */
    openEpoch() {
        this.key = freshKey();
        this.epoch = this.own.last.epoch + 1;
        this.epochFull = this.own.last.number + EPOCH_ENTRIES_MAX;
        const opened = { wrapped_key: wrapJournalKey(this.key, this.directory.hub.journal_recipient), follows: this.own.last, at: Date.now() * 1000 };
        this.append("own", this.epoch, [clearPayload(encode("EpochOpened", opened))]);
    }

    write(noun, event, document) {
        if (this.key === undefined || this.own.last.number >= this.epochFull) this.openEpoch();
        const sealed = sealedPayload(encode(noun, event), this.key, this.epoch, this.own.last.number + 1);
        this.append("own", this.epoch, [sealed], document);
    }

    /** What the hub's log says, in its order; an entry that says nothing known is held all the same. */
    *heard() {
        for (const { payload } of this.hub.entries) {
            try {
                yield decode("event", payload.subarray(1));
            } catch (error) {
                if (!(error instanceof Malformed)) throw error;
            }
        }
    }

    freeBytes() {
        const { bavail, bsize } = statfsSync(this.folder);
        return bavail * bsize;
    }

    blobFile(digest) {
        return path(this.folder, "blobs", digest);
    }

    keepBlob(digest, bytes) {
        writeDurably(this.blobFile(digest), bytes);
    }

    hasBlob(digest) {
        return existsSync(this.blobFile(digest));
    }

    freeBlob(digest) {
        if (this.hasBlob(digest)) unlinkSync(this.blobFile(digest));
    }

    readBlob(digest, offset, length) {
        const bytes = Buffer.alloc(length);
        const handle = openSync(this.blobFile(digest), "r");
        readSync(handle, bytes, 0, length, offset);
        closeSync(handle);
        return bytes;
    }
}
