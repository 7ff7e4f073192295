// A cabin without a screen, written from protocol/SPEC.md alone. What it does, it says as lines of JSON.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Asker, Refused } from "./asker.mjs";
import { readCard } from "./cards.mjs";
import { agencyOf } from "./directory.mjs";
import { seal } from "./envelope.mjs";
import { writeKeys } from "./folder.mjs";
import { Journal } from "./journal.mjs";
import { Link } from "./link.mjs";
import { Malformed } from "./msgpack.mjs";
import { Way } from "./receipts.mjs";
import { claim, curvePublic, fingerprint, freshKey, sha256, signingPublic, spoken } from "./secrets.mjs";
import { Wire } from "./zmtp.mjs";

const HELP = `node cabin.mjs enrol DIR INVITATION WORDS       claim a site; says the six words to compare (WORDS: the file of words)
node cabin.mjs run DIR AGENCY PDF...            seal these documents, if any, and keep a link
    --until HAPPENING                           … until that has happened to every document, or until the hub refuses;
                                                (announced: until each has heard all that the other says)
    --cut-after BYTES                           … cut the first one when so many bytes of documents were said
    --die-after BYTES                           … be killed then`;
const SOFTWARE = "other end 1";
const CHUNK_BYTES = 65536; // of the longest Want: a document of a megabyte takes many
const [SOON, SOON_SECONDS, LATER_SECONDS, GROWTH, BUSY_SECONDS, SECONDS_MAX] = [28, 0.25, 5, 1.5, 2, 15];

const tell = (word, facts) => console.log(JSON.stringify({ word, ...facts }));

function refused(error) {
    if (!(error instanceof Refused)) throw error;
    tell("refused", { text: error.message });
    process.exitCode = 1;
}

// Section 7.2: keys of its own, a claim under the one-time key, the directory.
async function enrol(folder, card, wordsFile) {
    const invitation = readCard("invite", card);
    const keys = {
        site: invitation.site,
        code: invitation.code,
        address: invitation.hub_address,
        hubKey: invitation.hub_curve_key,
        authorityKey: invitation.authority_key,
        curveSecret: freshKey(),
        signingSeed: freshKey(),
    };
    writeKeys(folder, keys);
    const asker = new Asker(keys.address, keys.hubKey, invitation.curve_secret);
    const journal = new Journal(folder);
    try {
        await asker.ask({ noun: "MakeClaim", claim: claim(invitation, keys, randomBytes(16), SOFTWARE) });
        journal.keepDirectory(await asker.directory());
    } finally {
        asker.end();
    }
    const print = fingerprint(Buffer.from(keys.site), curvePublic(keys.curveSecret), signingPublic(keys.signingSeed));
    tell("enrolled", { site: keys.site, words: spoken(print, readFileSync(wordsFile, "utf8")), directory: journal.directory.version });
}

// Section 8. `busy`: how often somebody answered and gave no handshake.
function wait(attempt, busy) {
    const later = attempt < SOON ? SOON_SECONDS : LATER_SECONDS * GROWTH ** (attempt - SOON);
    return Math.random() * Math.min(SECONDS_MAX, busy > 0 ? BUSY_SECONDS * 2 ** busy : later) * 1000;
}

class Cabin {
    boot = randomBytes(16);
    attempt = 0;
    busy = 0;

    constructor(folder, { until, cutAfter, dieAfter }) {
        Object.assign(this, { until, cutAfter, dieAfter, bytesSaid: 0 });
        this.journal = new Journal(folder);
        this.journal.openEpoch();
        this.ways = new Map(); // by envelope
        for (const document of this.journal.documents) this.follow(document);
        this.readReceipts();
    }

    follow({ envelope, agency, manifest }) {
        this.ways.set(envelope, new Way(agency, Buffer.from(envelope, "hex"), Buffer.from(manifest, "hex")));
    }

    // Sections 6 and 9. The sealed bytes are durable before the entry that announces them.
    async handIn(agency, file) {
        const { keys, directory, documents } = this.journal;
        const row = documents.filter((document) => document.agency === agency);
        const { epoch, recipient } = agencyOf(directory, agency).inboxes.at(-1);
        const receipt = `${keys.code}-${100 + documents.length}`;
        const envelope = randomBytes(16);
        const seconds = Math.floor(Date.now() / 1000);
        const previous = row.length > 0 ? Buffer.from(row.at(-1).manifest, "hex") : Buffer.alloc(32);
        const signed = { envelope, receipt, agency, epoch, cabin: keys.site, counter: row.length + 1, previous };
        const inside = { service: "99107023017000", title: "Wohngeld", kind: "application", language: "de", remark: "", pages: 1 };
        const { blob, manifest, summary } = await seal(signed, inside, seconds, readFileSync(file), recipient, keys.signingSeed);
        const digest = sha256(blob);
        const hex = { envelope: envelope.toString("hex"), digest: digest.toString("hex"), manifest: sha256(manifest.body).toString("hex") };
        this.journal.keepBlob(hex.digest, blob);
        const kept = { receipt, agency, bytes: blob.length, seconds, ...hex };
        this.journal.write("DocumentSealed", { manifest, summary, digest, size_bytes: blob.length }, kept);
        this.follow(this.journal.documents.at(-1));
        tell("sealed", { receipt, bytes: blob.length, epoch: this.journal.epoch });
    }

    dial() {
        const { address, hubKey, curveSecret } = this.journal.keys;
        let met = false;
        this.link = undefined;
        this.wire = new Wire(
            { address, serverKey: hubKey, secretKey: curveSecret },
            {
                met: () => (met = true),
                ready: () => (this.link = new Link(this.journal, this.wire, this)),
                message: (parts) => this.link.hear(parts),
                gone: (reason) => this.gone(reason, met),
            },
        );
    }

    gone(reason, met) {
        tell("down", { reason });
        this.link?.end();
        if (this.over) return;
        if (this.link?.refused && this.link.refused !== "overloaded") {
            process.exitCode = 1;
            return;
        }
        [this.attempt, this.busy] = this.link?.wasUp ? [0, 0] : [this.attempt + 1, met && !this.link ? this.busy + 1 : 0];
        setTimeout(() => this.dial(), Math.max(wait(this.attempt, this.busy), 1000 * (this.link?.retryAfter ?? 0)));
    }

    // --- what a link tells ---------------------------------------------------------------------------------------
    get chunkBytesMax() {
        return CHUNK_BYTES;
    }

    get software() {
        return SOFTWARE;
    }

    tell(word, facts) {
        tell(word, facts);
    }

    said(bytes) {
        this.bytesSaid += bytes;
        if (this.bytesSaid >= this.dieAfter) process.kill(process.pid, "SIGKILL");
        if (this.bytesSaid < this.cutAfter) return;
        this.cutAfter = Infinity;
        tell("cut", { bytes: this.bytesSaid });
        this.wire.end("cut by itself");
    }

    // Something has become durable. All that the hub's log says is read again: what came before changes nothing, and a new directory may know a
    // key that was lacking.
    news() {
        this.readReceipts();
        const there = ({ happening }) => this.until === "announced" || happening === this.until || (this.until === "stored" && happening !== "");
        if (this.over || !this.link.quiet || ![...this.ways.values()].every(there)) return;
        this.over = true;
        this.link.beat(); // tells the hub that nothing waits any more
        this.wire.finish("everything is there");
    }

    readReceipts() {
        const { journal, ways } = this;
        let restored = false;
        for (const { noun, receipt: signed } of journal.heard()) {
            restored ||= noun === "EpochOpened";
            if (noun !== "ReceiptGiven") continue;
            for (const document of journal.documents) {
                try {
                    const way = ways.get(document.envelope);
                    if (!signed.body.includes(way.envelope)) continue;
                    const receipt = way.follow(signed, journal.directory, restored);
                    if (receipt === undefined) continue;
                    if (receipt.happening === "stored") {
                        document.freed = true;
                        journal.freeBlob(document.digest);
                    }
                    tell("receipt", { receipt: document.receipt, happening: receipt.happening, by: receipt.by, text: receipt.text });
                } catch (error) {
                    if (!(error instanceof Malformed)) throw error;
                    tell("set aside", { receipt: document.receipt, reason: error.message });
                }
            }
        }
    }
}

const options = { until: { type: "string", default: "stored" }, "cut-after": { type: "string" }, "die-after": { type: "string" } };
const { values, positionals } = parseArgs({ allowPositionals: true, options });
const [command, folder, ...rest] = positionals;
const bytes = (name) => Number(values[name] ?? Infinity);
if (command === "enrol") await enrol(folder, ...rest).catch(refused);
else if (command === "run") {
    const cabin = new Cabin(folder, { until: values.until, cutAfter: bytes("cut-after"), dieAfter: bytes("die-after") });
    for (const file of rest.slice(1)) await cabin.handIn(rest[0], file);
    cabin.dial();
} else console.log(HELP);
