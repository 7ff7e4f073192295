// MessagePack as SPEC section 2 wants it: every number and length in its shortest form, and nothing else is read.
// A moment is the whole number of its microseconds since 1970, which a double holds exactly.

export class Malformed extends Error {}

export function join(...parts) {
    return Buffer.concat(parts);
}

function big(bytes, number) {
    const out = Buffer.alloc(bytes);
    if (bytes === 8) out.writeBigUInt64BE(BigInt(number));
    else out.writeUIntBE(number, 0, bytes);
    return out;
}

// The marker for a length or number: the small form where there is one, else the first of 8, 16, 32, 64 bits that holds it.
function marked(number, small, smallBelow, markers) {
    if (number < smallBelow) return Buffer.from([small + number]);
    for (const [marker, bytes] of markers) if (number < 2 ** (8 * bytes)) return join(Buffer.from([marker]), big(bytes, number));
    throw new RangeError(`${number} is too large`);
}

const WHOLE = [0x00, 128, [[0xcc, 1], [0xcd, 2], [0xce, 4], [0xcf, 8]]];
const TEXT = [0xa0, 32, [[0xd9, 1], [0xda, 2], [0xdb, 4]]];
const BYTES = [0x00, 0, [[0xc4, 1], [0xc5, 2], [0xc6, 4]]];
const ARRAY = [0x90, 16, [[0xdc, 2], [0xdd, 4]]];
const MAP = [0x80, 16, [[0xde, 2], [0xdf, 4]]];
const NIL = 0xc0, FALSE = 0xc2, TRUE = 0xc3, FLOAT = 0xcb;

export const write = {
    whole: (number) => marked(number, ...WHOLE),
    array: (count) => marked(count, ...ARRAY),
    map: (count) => marked(count, ...MAP),
    bytes: (bytes) => join(marked(bytes.length, ...BYTES), bytes),
    text: (text) => join(marked(Buffer.byteLength(text), ...TEXT), Buffer.from(text)),
    truth: (truth) => Buffer.from([truth ? TRUE : FALSE]),
    nil: () => Buffer.from([NIL]),
    seconds(number) {
        const out = Buffer.alloc(9, FLOAT);
        out.writeDoubleBE(number, 1);
        return out;
    },
    moment(micros) {
        const seconds = Math.floor(micros / 1e6);
        const nanos = (micros - seconds * 1e6) * 1000;
        if (nanos === 0 && seconds >= 0 && seconds < 2 ** 32) return join(Buffer.from([0xd6, 0xff]), big(4, seconds));
        const both = (BigInt(nanos) << 34n) | BigInt(seconds);
        if (seconds >= 0 && seconds < 2 ** 34) return join(Buffer.from([0xd7, 0xff]), big(8, both));
        const out = Buffer.alloc(15);
        out.set([0xc7, 12, 0xff]);
        out.writeUInt32BE(nanos, 3);
        out.writeBigInt64BE(BigInt(seconds), 7);
        return out;
    },
};

export class Reader {
    constructor(bytes) {
        this.bytes = bytes;
        this.at = 0;
    }

    get rest() {
        return this.bytes.length - this.at;
    }

    take(count) {
        if (count > this.rest) throw new Malformed("the bytes end too early");
        this.at += count;
        return this.bytes.subarray(this.at - count, this.at);
    }

    peek() {
        if (this.rest === 0) throw new Malformed("the bytes end too early");
        return this.bytes[this.at];
    }

    // The inverse of `marked`: anything but the shortest form is refused, by writing it again.
    number([small, smallBelow, markers], what) {
        const begin = this.at;
        const marker = this.take(1)[0];
        if (marker >= small && marker < small + smallBelow) return marker - small;
        const found = markers.find(([known]) => known === marker);
        if (found === undefined) throw new Malformed(`${marker.toString(16)} begins no ${what}`);
        const raw = this.take(found[1]);
        const number = found[1] === 8 ? Number(raw.readBigUInt64BE()) : raw.readUIntBE(0, found[1]);
        if (!Number.isSafeInteger(number)) throw new Malformed(`a ${what} is too large`);
        this.shortest(marked(number, small, smallBelow, markers), begin, what);
        return number;
    }

    shortest(written, begin, what) {
        if (!written.equals(this.bytes.subarray(begin, this.at))) throw new Malformed(`a ${what} is not in its shortest form`);
    }

    whole() {
        return this.number(WHOLE, "whole number");
    }

    array() {
        return this.number(ARRAY, "array");
    }

    map() {
        return this.number(MAP, "map");
    }

    bin() {
        return this.take(this.number(BYTES, "bin"));
    }

    text() {
        const raw = this.take(this.number(TEXT, "text"));
        const text = raw.toString();
        if (!Buffer.from(text).equals(raw)) throw new Malformed("a text is not UTF-8");
        return text;
    }

    truth() {
        const marker = this.take(1)[0];
        if (marker !== TRUE && marker !== FALSE) throw new Malformed("neither true nor false");
        return marker === TRUE;
    }

    nil() {
        if (this.peek() !== NIL) return false;
        this.at += 1;
        return true;
    }

    seconds() {
        if (this.take(1)[0] !== FLOAT) throw new Malformed("a length of time is a float 64");
        return this.take(8).readDoubleBE();
    }

    moment() {
        const begin = this.at;
        const marker = this.take(1)[0];
        let seconds, nanos = 0;
        if (marker === 0xd6) seconds = this.take(5).readUInt32BE(1);
        else if (marker === 0xd7) {
            const both = this.take(9).readBigUInt64BE(1);
            [seconds, nanos] = [Number(both & 0x3ffffffffn), Number(both >> 34n)];
        } else if (marker === 0xc7) {
            const raw = this.take(14);
            [seconds, nanos] = [Number(raw.readBigInt64BE(6)), raw.readUInt32BE(2)];
        } else throw new Malformed("not a moment");
        const micros = seconds * 1e6 + nanos / 1000;
        if (!Number.isSafeInteger(micros)) throw new Malformed("a moment that nobody can mean");
        this.shortest(write.moment(micros), begin, "moment");
        return micros;
    }

    // Pass over one element of whatever kind: a later version has appended it.
    skip() {
        const marker = this.peek();
        if (marker < 0x80 || (marker >= 0xcc && marker <= 0xcf)) this.whole();
        else if (marker >> 4 === 0x8 || marker === 0xde || marker === 0xdf) for (let left = 2 * this.map(); left > 0; left--) this.skip();
        else if (marker >> 4 === 0x9 || marker === 0xdc || marker === 0xdd) for (let left = this.array(); left > 0; left--) this.skip();
        else if (marker >> 5 === 0x5 || (marker >= 0xd9 && marker <= 0xdb)) this.text();
        else if (marker >= 0xc4 && marker <= 0xc6) this.bin();
        else if (marker === FLOAT) this.seconds();
        else if (marker === NIL) this.nil();
        else if (marker === TRUE || marker === FALSE) this.truth();
        else this.moment();
    }
}
