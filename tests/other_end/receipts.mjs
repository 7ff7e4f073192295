// How far a document is (SPEC section 6): a receipt verifies with the key of who gave it, and follows the event before it.
import { agencyOf } from "./directory.mjs";
import { Malformed } from "./msgpack.mjs";
import { decodeCanonical } from "./nouns.mjs";
import { sha256, sign, verified } from "./secrets.mjs";

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

/** The way of one document, from its manifest on. */
export class Way {
    constructor(agency, envelope, manifestDigest) {
        Object.assign(this, { agency, envelope, happening: "", digests: [manifestDigest.toString("hex")] });
    }

    /** The Receipt in `signed`, where the document has gone on with it; undefined where it came before. */
    follow(signed, directory) {
        const digest = sha256(signed.body).toString("hex");
        if (this.digests.includes(digest)) return undefined;
        const { happening, by, envelope, previous } = decodeCanonical("Receipt", signed.body);
        const ofHub = OF_THE_HUB.includes(happening);
        if (by !== (ofHub ? "hub" : this.agency)) throw new Malformed(`not-yours: ${by} may not say ${happening}`);
        const receipt = verified("Receipt", signed, (ofHub ? directory.hub : agencyOf(directory, this.agency)).signing_key);
        if (!envelope.equals(this.envelope)) throw new Malformed("off-chain: a receipt for another document");
        if (previous.toString("hex") !== this.digests.at(-1)) throw new Malformed(`off-chain: this ${happening} follows another event`);
        if (!AFTER[this.happening].includes(happening)) throw new Malformed(`out-of-order: ${happening} after ${this.happening || "the manifest"}`);
        this.happening = happening;
        this.digests.push(digest);
        return receipt;
    }

    /** The next event, as the agency signs it. `reason` and `text` only with *returned*. */
    signed(happening, signingSeed, { reason = "", text = "" } = {}) {
        const previous = Buffer.from(this.digests.at(-1), "hex");
        const at = Date.now() * 1000;
        return sign("Receipt", { version: 1, envelope: this.envelope, happening, by: this.agency, at, previous, reason, text }, signingSeed);
    }
}
