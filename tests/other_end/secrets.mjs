// Keys and what is made with them: signatures (SPEC section 6), journal keys (4), claims and fingerprints (7.2, 7.3).
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { expand, extract } from "@noble/hashes/hkdf.js";
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import { MLKEM768X25519 } from "@noble/post-quantum/hybrid.js";
import { bech32 } from "@scure/base";
import { createHash, createHmac, randomBytes } from "node:crypto";
import { Malformed, join } from "./msgpack.mjs";
import { decodeCanonical, encode } from "./nouns.mjs";

const LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ";

export const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
export const curvePublic = (secret) => Buffer.from(x25519.getPublicKey(secret));
export const signingPublic = (seed) => Buffer.from(ed25519.getPublicKey(seed));

const CONTEXTS = { Manifest: "manifest", Receipt: "receipt", Claim: "claim", InboxCard: "inbox", Directory: "directory" };
const said = (noun, body) => join(Buffer.from(`kabine/${CONTEXTS[noun]}/1\0`), body);

export function sign(noun, value, seed) {
    const body = encode(noun, value);
    return { body, signature: Buffer.from(ed25519.sign(said(noun, body), seed)) };
}

export function verified(noun, signed, key) {
    return verifiedByOne(noun, signed, [key]);
}

/** Signed with one of these keys: who signs may have had others before. */
export function verifiedByOne(noun, signed, keys) {
    const bytes = said(noun, signed.body);
    if (!keys.some((key) => ed25519.verify(signed.signature, bytes, key))) throw new Malformed(`the signature of a ${noun} does not hold`);
    return decodeCanonical(noun, signed.body);
}

export function claim(invitation, keys, boot, software) {
    const shared = x25519.getSharedSecret(keys.curveSecret, invitation.hub_curve_key);
    const bare = {
        site: invitation.site,
        invitation: curvePublic(invitation.curve_secret),
        curve_key: curvePublic(keys.curveSecret),
        signing_key: signingPublic(keys.signingSeed),
        boot,
        software,
        proof: Buffer.alloc(0),
    };
    const proof = createHmac("sha256", shared).update(join(Buffer.from("kabine/claim-proof/1\0"), encode("Claim", bare))).digest();
    return sign("Claim", { ...bare, proof }, keys.signingSeed);
}

/** Of site, CURVE key and signing key of a cabin; of one key alone for a hub or an inbox. */
export function fingerprint(...parts) {
    const each = parts.map((part) => {
        const length = Buffer.alloc(4);
        length.writeUInt32BE(part.length);
        return join(length, part);
    });
    return sha256(Buffer.from("kabine/fingerprint/1\0"), ...each);
}

// 9 bits a word, from the front. `list`: 512 words, one a line.
function wordsOf(bits, count, list) {
    const words = list.split("\n");
    return Array.from({ length: count }, (_, at) => words[parseInt(bits.slice(9 * at, 9 * at + 9), 2)]).join(" ");
}

export function spoken(digest, list) {
    return wordsOf([...digest].map((byte) => byte.toString(2).padStart(8, "0")).join(""), 6, list);
}

/** A receipt number, as it is said on the telephone: its rank among all numbers of so many words, scattered. */
export function spokenReceipt(receipt, list) {
    const [code, digits] = receipt.split("-");
    const count = 2 + Math.ceil(digits.length / 3);
    const codes = [...code].reduce((rank, letter) => 31n * rank + BigInt(LETTERS.indexOf(letter)), 0n);
    const below = (from, to) => Array.from({ length: to - from }, (_, at) => 10n ** BigInt(from + at)).reduce((sum, each) => sum + each, 0n);
    const [shortest, longest] = count === 3 ? [3, 3] : [3 * count - 8, 3 * count - 6];
    const rank = codes * below(shortest, longest + 1) + below(shortest, digits.length) + BigInt(digits);
    const scattered = BigInt.asUintN(9 * count, rank * 0x9e3779b97f4a7c15n);
    return wordsOf(scattered.toString(2).padStart(9 * count, "0"), count, list);
}

// HPKE base mode (RFC 9180) over X-Wing: key schedule for one message.
const SUITE = join(Buffer.from("HPKE"), Buffer.from([0x64, 0x7a, 0x00, 0x01, 0x00, 0x03]));
const labeled = (label, bytes) => join(Buffer.from("HPKE-v1"), SUITE, Buffer.from(label), bytes);
const labeledExtract = (salt, label, ikm) => extract(nobleSha256, labeled(label, ikm), salt);
const labeledExpand = (secret, label, info, length) => expand(nobleSha256, secret, join(Buffer.from([0, length]), labeled(label, info)), length);

function hpke(shared, info) {
    const none = Buffer.alloc(0);
    const context = join(Buffer.from([0]), labeledExtract(undefined, "psk_id_hash", none), labeledExtract(undefined, "info_hash", info));
    const secret = labeledExtract(shared, "secret", none);
    return chacha20poly1305(labeledExpand(secret, "key", context, 32), labeledExpand(secret, "base_nonce", context, 12));
}

const JOURNAL = Buffer.from("kabine/journal/1");

export function wrapJournalKey(key, recipient) {
    const { prefix, words } = bech32.decode(recipient, false);
    if (prefix !== "age1pq") throw new Malformed("the journal recipient is not age1pq1…");
    const { cipherText, sharedSecret } = MLKEM768X25519.encapsulate(bech32.fromWords(words));
    return join(cipherText, hpke(sharedSecret, JOURNAL).encrypt(key));
}

export function unwrapJournalKey(wrapped, seed) {
    const shared = MLKEM768X25519.decapsulate(wrapped.subarray(0, 1120), seed);
    return Buffer.from(hpke(shared, JOURNAL).decrypt(wrapped.subarray(1120)));
}

// The payload of an entry: sealed under the journal key of its epoch.
function nonce(epoch, number) {
    const out = Buffer.alloc(12);
    out.writeUInt32BE(epoch % 2 ** 32, 0);
    out.writeBigUInt64BE(BigInt(number), 4);
    return out;
}

export const clearPayload = (event) => join(Buffer.from([0]), event);
export const sealedPayload = (event, key, epoch, number) => join(Buffer.from([1]), chacha20poly1305(key, nonce(epoch, number)).encrypt(event));
export const freshKey = () => randomBytes(32);
