// The second implementation of age that ours is held against: npm `age-encryption`, and the vectors of npm `cctv-age`.
// Reads one JSON list of questions from stdin, writes one JSON list of answers; bytes are base64. Asked by tests/vectors/age_peer.py.
import { Decrypter, Encrypter, armor, generateHybridIdentity, generateX25519Identity, identityToRecipient } from "age-encryption";
import * as vectors from "cctv-age";
import { readFileSync } from "node:fs";

const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
const text = (raw) => Buffer.from(raw).toString("base64");

const answers = {
    vectors: async () => Object.fromEntries(Object.entries(vectors).map(([name, raw]) => [name, text(raw)])),
    keygen: async ({ kind }) => {
        const identity = await (kind === "pq" ? generateHybridIdentity() : generateX25519Identity());
        return { identity, recipient: await identityToRecipient(identity) };
    },
    recipient: async ({ identity }) => identityToRecipient(identity),
    seal: async ({ plain, recipients, passphrase, armored }) => {
        const encrypter = new Encrypter();
        for (const recipient of recipients ?? []) encrypter.addRecipient(recipient);
        if (passphrase !== undefined) {
            encrypter.setPassphrase(passphrase);
            encrypter.setScryptWorkFactor(4);
        }
        const sealed = await encrypter.encrypt(bytes(plain));
        return text(armored ? Buffer.from(armor.encode(sealed)) : sealed);
    },
    open: async ({ sealed, identity, passphrase }) => {
        const decrypter = new Decrypter();
        if (identity !== undefined) decrypter.addIdentity(identity);
        if (passphrase !== undefined) decrypter.addPassphrase(passphrase);
        return text(await decrypter.decrypt(bytes(sealed), "uint8array"));
    },
};

const given = [];
for (const question of JSON.parse(readFileSync(0, "utf8"))) {
    try {
        given.push({ answer: await answers[question.ask](question) });
    } catch (error) {
        given.push({ error: String(error.message ?? error) });
    }
}
process.stdout.write(JSON.stringify(given));
