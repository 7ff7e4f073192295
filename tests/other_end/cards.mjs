// Cards (SPEC section 7.1): what people carry from machine to machine is one line.
import { base32nopad } from "@scure/base";
import { Malformed, join } from "./msgpack.mjs";
import { decodeCanonical, encode } from "./nouns.mjs";
import { sha256 } from "./secrets.mjs";

const NOUNS = { invite: "Invitation", hub: "HubCard", inbox: "Signed" };
const check = (kind, body) => sha256(Buffer.from(`kabine-${kind}-1-`), body).subarray(0, 4);

export function readCard(kind, line) {
    const [, found, digits] = /^kabine-([a-z]+)-1-([a-z2-7]+)$/.exec(line.replace(/\s/g, "").toLowerCase()) ?? [];
    if (found !== kind) throw new Malformed(`this is no card of kind ${kind}`);
    const bytes = Buffer.from(base32nopad.decode(digits.toUpperCase()));
    const body = bytes.subarray(0, -4);
    if (!check(kind, body).equals(bytes.subarray(-4))) throw new Malformed("the card was misread");
    return decodeCanonical(NOUNS[kind], body);
}

export function writeCard(kind, value) {
    const body = encode(NOUNS[kind], value);
    return `kabine-${kind}-1-${base32nopad.encode(join(body, check(kind, body))).toLowerCase()}`;
}
