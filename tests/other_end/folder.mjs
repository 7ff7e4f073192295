// Files of one node: what is written is durable before anybody hears of it.
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname, join as path } from "node:path";

export function syncFolder(folder) {
    const handle = openSync(folder, "r");
    fsyncSync(handle);
    closeSync(handle);
}

function put(file, flags, bytes) {
    const handle = openSync(file, flags, 0o600);
    for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at);
    fsyncSync(handle);
    closeSync(handle);
}

/** A file is there as a whole or as it was before. */
export function writeDurably(file, bytes) {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    put(`${file}.new`, "w", Buffer.from(bytes));
    renameSync(`${file}.new`, file);
    syncFolder(dirname(file));
}

export function appendDurably(file, text) {
    put(file, "a", Buffer.from(text));
}

// Keys and secrets are bytes, the rest are texts.
const IS_BYTES = /(Key|Secret|Seed)$/;

export function writeKeys(folder, keys) {
    const plain = Object.entries(keys).map(([name, value]) => [name, IS_BYTES.test(name) ? value.toString("hex") : value]);
    writeDurably(path(folder, "keys.json"), JSON.stringify(Object.fromEntries(plain)));
}

export function readKeys(folder) {
    return JSON.parse(readFileSync(path(folder, "keys.json")), (name, value) => (IS_BYTES.test(name) ? Buffer.from(value, "hex") : value));
}
