// The signed directory (SPEC section 10): who there is and which keys they have.
import { Malformed } from "./msgpack.mjs";
import { decodeCanonical } from "./nouns.mjs";
import { sha256, verified } from "./secrets.mjs";

/** What is in force after `bytes` came. A first one of any version; then only a higher one, and the very next names the one that is held. */
export function next(held, bytes, authorityKey) {
    const signed = decodeCanonical("Signed", bytes);
    const directory = verified("Directory", signed, authorityKey);
    const digest = sha256(signed.body);
    if (held === undefined) return { directory, digest };
    const { version } = held.directory;
    if (directory.version === version && digest.equals(held.digest)) return held;
    if (directory.version <= version) throw new Malformed("off-chain: an older directory, or another one of the same version");
    if (directory.version === version + 1 && !directory.previous.equals(held.digest)) throw new Malformed("off-chain: it follows another directory");
    return { directory, digest };
}

export function agencyOf(directory, id) {
    const found = directory.agencies.find((agency) => agency.id === id);
    if (found === undefined) throw new Malformed(`unknown-agency: ${id}`);
    return found;
}

/** What an agency signs with, then what it signed with before; it may have left. */
export function signingKeysOf(directory, id) {
    const now = directory.agencies.filter((agency) => agency.id === id && agency.signing_key);
    const before = directory.former_keys.filter(({ agency }) => agency === id);
    return [...now, ...before].map(({ signing_key }) => signing_key);
}

/** Also machines that were replaced or revoked: for what they signed before. */
export function cabinsOf(directory, site) {
    return [...directory.cabins, ...directory.former_cabins].filter((cabin) => cabin.site === site);
}
