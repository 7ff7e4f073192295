// All examples of SPEC, made anew in this language: node examples.mjs SPEC WORDS; ends with an error where other bytes come out.
import { bech32 } from "@scure/base";
import { MLKEM768X25519 } from "@noble/post-quantum/hybrid.js";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { readCard, writeCard } from "./cards.mjs";
import { opened, seal, tar, untar } from "./envelope.mjs";
import { chained } from "./journal.mjs";
import { Reader, write } from "./msgpack.mjs";
import { decode, decodeCanonical, encode, MARK_NONE } from "./nouns.mjs";
import { claim, curvePublic, fingerprint, sha256, sign, signingPublic, spoken, spokenReceipt, verified } from "./secrets.mjs";
import { clearPayload, sealedPayload, unwrapJournalKey, wrapJournalKey } from "./secrets.mjs";

const [specFile, wordsFile] = process.argv.slice(2);
const examples = new Map(); // by name: bytes or text
for (const [, kind, name, lines] of readFileSync(specFile, "utf8").matchAll(/```(hex|text) (.+)\n([^`]+)```/g))
    examples.set(name, kind === "hex" ? Buffer.from(lines.replace(/\s/g, ""), "hex") : lines.replace(/\n/g, ""));
const words = readFileSync(wordsFile, "utf8");
const counted = (first) => Buffer.from(Array.from({ length: 32 }, (_, at) => first + at));
const NOON = Date.UTC(2026, 2, 28, 12) * 1000;
const CABIN = { curveSecret: counted(0x40), signingSeed: counted(0) };
const HUB = { curveSecret: counted(0x60), signingSeed: counted(1) };
const same = [];

function is(name, made) {
    assert.deepEqual(made, examples.get(name), name);
    same.push(name);
}

is("moment", write.moment(NOON));
is("moment with microseconds", write.moment(NOON + 250));
assert.equal(new Reader(examples.get("moment with microseconds")).moment(), NOON + 250);
for (const name of ["hello", "entries", "ack", "want", "chunk", "gone", "whisper", "beat", "refused", "ask", "answer"]) {
    const frame = decode("frame", examples.get(name));
    is(name, encode(frame.noun, frame));
}

const visit = { visit: counted(0).subarray(0, 16), began_at: NOON, ended_at: NOON, outcome: "left", documents: 0, language: "de" };
const payload = clearPayload(encode("VisitEnded", visit));
is("payload", payload);
is("hash of entry 1", chained(MARK_NONE.hash, 1, 1, payload));
is("sealed payload", sealedPayload(payload.subarray(1), counted(0), 3, 9));
const recipient = bech32.encode("age1pq", bech32.toWords(MLKEM768X25519.getPublicKey(counted(0))), false);
for (const wrapped of [examples.get("wrapped journal key"), wrapJournalKey(counted(0), recipient)])
    assert.deepEqual(unwrapJournalKey(wrapped, counted(0)), counted(0));
same.push("wrapped journal key");

const manifest = decodeCanonical("Manifest", examples.get("manifest body"));
is("manifest body", sign("Manifest", manifest, CABIN.signingSeed).body);
is("manifest signature", sign("Manifest", manifest, CABIN.signingSeed).signature);
is("manifest digest", sha256(examples.get("manifest body")));
const previous = examples.get("manifest digest");
const stored = { version: 1, envelope: manifest.envelope, happening: "stored", by: "hub", at: NOON, previous, reason: "", text: "" };
is("receipt body", sign("Receipt", stored, HUB.signingSeed).body);
is("receipt signature", sign("Receipt", stored, HUB.signingSeed).signature);
verified("Receipt", { body: examples.get("receipt body"), signature: examples.get("receipt signature") }, signingPublic(HUB.signingSeed));

const invitation = { site: "templin", hub_curve_key: curvePublic(HUB.curveSecret), curve_secret: counted(0x80) };
is("claim body", claim(invitation, CABIN, Buffer.from("boot"), "0.1").body);
const print = fingerprint(Buffer.from("templin"), curvePublic(CABIN.curveSecret), signingPublic(CABIN.signingSeed));
is("fingerprint", print);
is("fingerprint words", spoken(print, words));
const card = { address: "tcp://hub.example:7400", curve_key: curvePublic(HUB.curveSecret), authority_key: signingPublic(HUB.signingSeed) };
is("hub card", writeCard("hub", card));
assert.deepEqual(readCard("hub", examples.get("hub card").toUpperCase()).curve_key, card.curve_key);

is("receipt words", spokenReceipt("7K2-418", words));
is("four words", spokenReceipt("7K2-04181", words));

is("tar header", tar({ "manifest.json": Buffer.from(examples.get("manifest.json")) }, NOON / 1e6).subarray(0, 160));
const inside = { service: "99107023017000", title: "Wohngeld", kind: "application", language: "de", remark: "", pages: 1 };
const identity = bech32.encodeFromBytes("AGE-SECRET-KEY-PQ-", counted(0)).toUpperCase();
const { blob, summary } = await seal(manifest, inside, NOON / 1e6, Buffer.alloc(40000), recipient, CABIN.signingSeed);
const pairs = { "manifest.json": untar(await opened(blob, identity))["manifest.json"], summary: await opened(summary, identity) };
for (const [name, bytes] of Object.entries(pairs)) {
    const made = JSON.parse(bytes);
    const { files, verdicts, ...told } = JSON.parse(examples.get(name)); // those two are of another PDF
    for (const [field, value] of Object.entries(told)) assert.deepEqual(made[field], value, `${name}: ${field}`);
    assert.deepEqual(Object.keys(made).sort(), Object.keys(JSON.parse(examples.get(name))).sort(), name);
    same.push(name);
}
is("service", encode("Service", decode("Service", examples.get("service"))));
assert.deepEqual(same.sort(), [...examples.keys()].sort(), "an example is not looked at");
