// An agency's connector, written from protocol/SPEC.md alone. What it does, it says as lines of JSON.
import { generateHybridIdentity, identityToRecipient } from "age-encryption";
import { existsSync, readFileSync } from "node:fs";
import { join as path } from "node:path";
import { parseArgs } from "node:util";
import { Asker } from "./asker.mjs";
import { readCard, writeCard } from "./cards.mjs";
import { cabinsOf, next } from "./directory.mjs";
import { halves, opened, untar } from "./envelope.mjs";
import { readKeys, writeDurably, writeKeys } from "./folder.mjs";
import { Malformed } from "./msgpack.mjs";
import { decodeCanonical, encode } from "./nouns.mjs";
import { Way } from "./receipts.mjs";
import { curvePublic, fingerprint, freshKey, sha256, sign, signingPublic, spoken, verifiedByOne } from "./secrets.mjs";

const HELP = `node agency.mjs keygen DIR AGENCY WORDS         make keys; says the card and its words (WORDS: the file of words)
node agency.mjs pull DIR HUB-CARD INTO          fetch, check, open and write documents; sign *fetched* and *accepted*
    --return REASON --text TEXT                 … or *returned*`;

const tell = (word, facts) => console.log(JSON.stringify({ word, ...facts }));

// Section 7.4: the card is signed with the key it names.
async function keygen(folder, agency, wordsFile) {
    const keys = { agency, identity: await generateHybridIdentity(), curveSecret: freshKey(), signingSeed: freshKey() };
    writeKeys(folder, keys);
    const signingKey = signingPublic(keys.signingSeed);
    const recipient = await identityToRecipient(keys.identity);
    const card = { agency, epoch: 1, recipient, signing_key: signingKey, curve_key: curvePublic(keys.curveSecret) };
    const words = spoken(fingerprint(signingKey), readFileSync(wordsFile, "utf8"));
    tell("card", { card: writeCard("inbox", sign("InboxCard", card, keys.signingSeed)), words });
}

// Section 6: the manifest, signed by the cabin it names, which may have been replaced since.
function believedManifest(signed, directory) {
    const { cabin } = decodeCanonical("Manifest", signed.body);
    const keys = cabinsOf(directory, cabin).map(({ signing_key }) => signing_key);
    return verifiedByOne("Manifest", signed, keys);
}

// Sections 6 and 9: everything that somebody between could have changed.
async function checked(delivered, blob, directory, keys) {
    const manifest = believedManifest(delivered.manifest, directory);
    if (manifest.agency !== keys.agency) throw new Malformed("not-yours: this was sent to another agency");
    const way = new Way(keys.agency, manifest.envelope, sha256(delivered.manifest.body));
    for (const signed of delivered.receipts) way.follow(signed, directory);
    if (way.happening === "") throw new Malformed("off-chain: the hub has not signed that it has this");
    const [header, payload] = halves(blob);
    const whole = payload.length === manifest.length_bytes && sha256(payload).equals(manifest.payload_sha256);
    if (!whole || !sha256(header).equals(manifest.header_sha256)) throw new Malformed("bad-file: these are not the bytes that were signed");
    const files = untar(await opened(blob, keys.identity));
    const inner = JSON.parse(files["manifest.json"]);
    const pdf = files["document.pdf"];
    if (inner.envelope !== manifest.envelope.toString("hex")) throw new Malformed("bad-file: the envelope inside is another one");
    if (inner.files[0].sha256 !== sha256(pdf).toString("hex")) throw new Malformed("bad-file: this is not the PDF that was sealed");
    return { manifest, way, inner, pdf };
}

async function pull(folder, cardFile, into, { reason, text }) {
    const keys = readKeys(folder);
    const hub = readCard("hub", readFileSync(cardFile, "utf8"));
    const asker = new Asker(hub.address, hub.curve_key, keys.curveSecret);
    try {
        await pullThrough(asker, hub, keys, into, { reason, text });
    } finally {
        asker.end();
    }
}

async function pullThrough(asker, hub, keys, into, { reason, text }) {
    const { directory } = next(undefined, await asker.directory(), hub.authority_key);
    const records = new Records(into);

    // What a hub that came back from an older copy does not have any more: prove what came here, and say so of what never did.
    for (const signed of (await asker.ask({ noun: "ListLost", count: 200 })).manifests) {
        const { envelope, receipt } = believedManifest(signed, directory);
        await asker.ask({ noun: "Recall", envelope, receipts: records.of(envelope) });
        tell("recalled", { receipt, known: records.of(envelope).length > 0 });
    }

    for (let listing = { documents: [], more: true }, after = 0; listing.more; after = listing.documents.at(-1)?.place) {
        listing = await asker.ask({ noun: "ListInbox", after, count: 50, everything: false });
        for (const delivered of listing.documents) {
            const blob = await asker.fetch(delivered.digest, delivered.size_bytes);
            const { manifest, way, inner, pdf } = await checked(delivered, blob, directory, keys);
            const { receipt, cabin, envelope } = manifest;
            const receipts = [...delivered.receipts];
            const say = async (happening, why = {}) => {
                const signed = way.signed(happening, keys.signingSeed, why);
                await asker.ask({ noun: "Tell", receipt: signed });
                way.follow(signed, directory);
                receipts.push(signed);
            };
            if (way.happening !== "fetched") await say("fetched");
            writeDurably(path(into, `${receipt}.pdf`), pdf);
            await (reason ? say("returned", { reason, text }) : say("accepted"));
            records.keep(envelope, receipts);
            const { title } = JSON.parse(await opened(delivered.summary, keys.identity));
            tell("document", { receipt, cabin, title, pages: inner.pages, state: way.happening });
        }
    }
}

// The signed events of each document that came here, by its envelope.
class Records {
    constructor(folder) {
        this.folder = path(folder, "receipts");
    }

    file(envelope) {
        return path(this.folder, envelope.toString("hex"));
    }

    keep(envelope, receipts) {
        writeDurably(this.file(envelope), receipts.map((signed) => encode("Signed", signed).toString("hex")).join("\n"));
    }

    of(envelope) {
        if (!existsSync(this.file(envelope))) return [];
        const lines = readFileSync(this.file(envelope), "utf8").split("\n");
        return lines.map((line) => decodeCanonical("Signed", Buffer.from(line, "hex")));
    }
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { return: { type: "string" }, text: { type: "string", default: "" } } });
const [command, folder, ...rest] = positionals;
if (command === "keygen") await keygen(folder, ...rest);
else if (command === "pull") await pull(folder, ...rest, { reason: values.return, text: values.text });
else console.log(HELP);
