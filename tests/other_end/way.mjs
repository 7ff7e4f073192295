// What a cabin shows of one document after each receipt, or why it refuses it: nothing is asked of a hub. All as hexadecimal.
import { next } from "./directory.mjs";
import { decodeCanonical } from "./nouns.mjs";
import { Way } from "./receipts.mjs";

const [authorityKey, directory, agency, envelope, manifestDigest, ...receipts] = process.argv.slice(2);
const bytes = (hex) => Buffer.from(hex, "hex");
const known = next(undefined, bytes(directory), bytes(authorityKey)).directory;
const way = new Way(agency, bytes(envelope), bytes(manifestDigest));
for (const receipt of receipts) {
    let refused = "";
    try {
        way.follow(decodeCanonical("Signed", bytes(receipt)), known);
    } catch (error) {
        refused = error.message;
    }
    console.log(JSON.stringify({ word: "shows", happening: way.happening, refused }));
}
