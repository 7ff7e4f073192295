// Questions without a link (SPEC section 7): one connection on which only Ask and Want are said.
import { Malformed } from "./msgpack.mjs";
import { decode, encode } from "./nouns.mjs";
import { sha256 } from "./secrets.mjs";
import { Wire } from "./zmtp.mjs";

const CHUNK_ASKED_BYTES = 32768;

/** By the hub, or nobody is there. */
export class Refused extends Error {}

export class Asker {
    constructor(address, serverKey, secretKey) {
        this.number = 0;
        this.answers = new Map(); // of questions, by their number: who waits for it
        this.chunks = []; // who waits for the answer to a Want, in order
        this.ready = new Promise((resolve, reject) => {
            this.wire = new Wire(
                { address, serverKey, secretKey },
                {
                    ready: resolve,
                    message: (parts) => this.hear(parts),
                    gone: (reason) => {
                        reject(new Refused(reason));
                        for (const { reject } of [...this.answers.values(), ...this.chunks]) reject(new Refused(reason));
                    },
                },
            );
        });
    }

    end() {
        this.wire.end("all is said");
    }

    hear(parts) {
        const frame = decode("frame", parts[0]);
        if (frame.noun === "Answer") this.answers.get(frame.number)?.resolve(frame.reply);
        else if (frame.noun === "Refused" && frame.ask > 0) this.answers.get(frame.ask)?.reject(new Refused(`${frame.code}: ${frame.text}`));
        else if (frame.noun === "Refused") this.wire.end(`${frame.code}: ${frame.text}`);
        else if (frame.noun === "Chunk" || frame.noun === "Gone") this.chunks.shift()?.resolve({ ...frame, raw: parts[1] });
    }

    async ask(question) {
        await this.ready;
        const number = ++this.number;
        return new Promise((resolve, reject) => {
            this.answers.set(number, { resolve, reject });
            this.wire.say(encode("Ask", { number, question }));
        }).finally(() => this.answers.delete(number));
    }

    async directory() {
        const { digest, size_bytes } = await this.ask({ noun: "ShowDirectory" });
        return this.fetch(digest, size_bytes);
    }

    async fetch(digest, size) {
        await this.ready;
        let bytes = Buffer.alloc(0);
        while (bytes.length < size) {
            const length = Math.min(CHUNK_ASKED_BYTES, size - bytes.length);
            const chunk = await new Promise((resolve, reject) => {
                this.chunks.push({ resolve, reject });
                this.wire.say(encode("Want", { digest, offset_bytes: bytes.length, length_bytes: length }));
            });
            if (chunk.noun === "Gone" || chunk.total_bytes !== size || chunk.raw.length !== length) throw new Malformed("not as announced");
            bytes = Buffer.concat([bytes, chunk.raw]);
        }
        if (!sha256(bytes).equals(digest)) throw new Malformed("the digest does not fit");
        return bytes;
    }
}
