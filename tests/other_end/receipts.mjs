// How far a document is (SPEC section 6): a receipt verifies with the key of who gave it, and follows the event before it.
import { signingKeysOf } from "./directory.mjs";
import { Malformed } from "./msgpack.mjs";
import { decodeCanonical } from "./nouns.mjs";
import { sha256, sign, verifiedByOne } from "./secrets.mjs";

// The manifest is "".
const AFTER = {
    "": ["stored", "lost"],
    stored: ["fetched", "forwarded"],
    fetched: ["accepted", "returned", "forwarded"],
    forwarded: ["fetched", "forwarded"],
    accepted: [],
    returned: [],
    lost: [],
};
const OF_THE_HUB = ["stored", "lost"];
const RANK = { "": 0, stored: 1, lost: 1, fetched: 2, forwarded: 2, accepted: 3, returned: 3 };

/** The way of one document, from its manifest on. `happening` is what is shown: it never goes back. */
export class Way {
    happening = "";

    constructor(agency, envelope, manifestDigest) {
        Object.assign(this, { agency, envelope, events: [{ happening: "", digest: manifestDigest }] });
    }

    /** The Receipt in `signed`, where it is news. `restored`: the hub has come back from an older copy, and may go on from an earlier event. */
    follow(signed, directory, restored = false) {
        const digest = sha256(signed.body);
        if (this.events.some((event) => event.digest.equals(digest))) return undefined;
        const { happening, by, envelope, previous } = decodeCanonical("Receipt", signed.body);
        const ofHub = OF_THE_HUB.includes(happening);
        if (by !== (ofHub ? "hub" : this.agency)) throw new Malformed(`not-yours: ${by} may not say ${happening}`);
        const receipt = verifiedByOne("Receipt", signed, ofHub ? [directory.hub.signing_key] : signingKeysOf(directory, this.agency));
        if (!envelope.equals(this.envelope)) throw new Malformed("off-chain: a receipt for another document");
        // An agency that did not hear that its word had come says it anew.
        const anew = !ofHub && this.events.some((event) => event.happening === happening && event.previous.equals(previous));
        const anywhere = restored || happening === "lost" || anew;
        const before = anywhere ? this.events.find((event) => event.digest.equals(previous)) : this.events.at(-1);
        if (!before?.digest.equals(previous)) throw new Malformed(`off-chain: this ${happening} follows another event`);
        if (!AFTER[before.happening].includes(happening)) throw new Malformed(`out-of-order: ${happening} after “${before.happening}”`);
        this.events.push({ happening, digest, previous });
        const unsecured = happening === "lost" && this.happening === ""; // it is still here, and the hub will ask for it
        if (!unsecured && RANK[happening] >= RANK[this.happening]) this.happening = happening;
        return receipt;
    }

    /** The next event, as the agency signs it. `reason` and `text` only with *returned*. */
    signed(happening, signingSeed, { reason = "", text = "" } = {}) {
        const previous = this.events.at(-1).digest;
        const at = Date.now() * 1000;
        return sign("Receipt", { version: 1, envelope: this.envelope, happening, by: this.agency, at, previous, reason, text }, signingSeed);
    }
}
