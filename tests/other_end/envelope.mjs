// A sealed document (SPEC section 9): a tar of manifest.json and document.pdf in one age file for the agency's newest inbox key,
// its signed manifest (section 6), and the age file that a list of the inbox shows.
import { Decrypter, Encrypter } from "age-encryption";
import { Malformed, join } from "./msgpack.mjs";
import { sha256, sign } from "./secrets.mjs";

const SUITE = "age-mlkem768x25519";
const hex = (bytes) => bytes.toString("hex");
const json = (value) => Buffer.from(JSON.stringify(value));

function tarHeader(name, size, seconds) {
    const head = Buffer.alloc(512);
    const octal = (number, digits) => number.toString(8).padStart(digits, "0") + "\0";
    head.write(name, 0);
    head.write("0000600\0" + "0000000\0" + "0000000\0", 100);
    head.write(octal(size, 11) + octal(seconds, 11), 124);
    head.write(" ".repeat(8) + "0", 148);
    head.write("ustar\0" + "00", 257);
    head.write(octal(head.reduce((sum, byte) => sum + byte, 0), 6), 148);
    return head;
}

export function tar(files, seconds) {
    const zeros = (length) => Buffer.alloc(512 * Math.ceil(length / 512) - length);
    const each = Object.entries(files).map(([name, bytes]) => join(tarHeader(name, bytes.length, seconds), bytes, zeros(bytes.length)));
    return join(...each, Buffer.alloc(1024));
}

/** The inverse; refuses whatever `tar` would not have written. */
export function untar(bytes) {
    const files = {};
    let at = 0;
    const octal = (begin) => parseInt(bytes.toString("latin1", at + begin, at + begin + 11), 8);
    const seconds = octal(136);
    for (const name of ["manifest.json", "document.pdf"]) {
        const size = octal(124);
        files[name] = bytes.subarray(at + 512, at + 512 + size);
        at += 512 + 512 * Math.ceil(size / 512);
    }
    if (!tar(files, seconds).equals(bytes)) throw new Malformed("another layout of the tar");
    return files;
}

async function sealed(plain, recipient) {
    const encrypter = new Encrypter();
    encrypter.addRecipient(recipient);
    return Buffer.from(await encrypter.encrypt(plain));
}

export async function opened(sealed, identity) {
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    return Buffer.from(await decrypter.decrypt(sealed));
}

/** [header, all that follows]. The header ends with the line feed of its MAC line. */
export function halves(sealed) {
    const mac = sealed.indexOf("\n--- ");
    const end = sealed.indexOf("\n", mac + 1) + 1;
    if (mac < 0 || end === 0) throw new Malformed("no age header");
    return [sealed.subarray(0, end), sealed.subarray(end)];
}

/** `signed`: fields of the manifest. `inside`: what only the agency reads. */
export async function seal(signed, inside, seconds, pdf, recipient, signingSeed) {
    const captured_at = new Date(seconds * 1000).toISOString().replace(".000", "");
    const { envelope, receipt, agency, epoch } = signed;
    const inner = {
        version: 1,
        envelope: hex(envelope),
        receipt,
        agency,
        epoch,
        ...inside,
        captured_at,
        files: [{ name: "document.pdf", bytes: pdf.length, sha256: hex(sha256(pdf)) }],
        verdicts: [{ page: 1, encoding: "ccitt", dpi: 300, skew_degrees: 0, blank: false }],
    };
    const blob = await sealed(tar({ "manifest.json": json(inner), "document.pdf": pdf }, seconds), recipient);
    const [header, payload] = halves(blob);
    const digests = { length_bytes: payload.length, header_sha256: sha256(header), payload_sha256: sha256(payload) };
    const manifest = sign("Manifest", { version: 1, suite: SUITE, ...signed, captured_at: seconds * 1e6, ...digests }, signingSeed);
    const summary = await sealed(json({ ...inside, captured_at, bytes: pdf.length }), recipient);
    return { blob, manifest, summary };
}
