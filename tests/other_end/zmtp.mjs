// One connection of a DEALER to the hub: ZMTP 3.1 (ZeroMQ RFC 37) with CURVE as the client (RFC 26), over TCP (SPEC section 8).
import { xsalsa20poly1305, hsalsa } from "@noble/ciphers/salsa.js";
import { x25519 } from "@noble/curves/ed25519.js";
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { Malformed, join } from "./msgpack.mjs";
import { curvePublic } from "./secrets.mjs";

const MESSAGE_BYTES_MAX = 2097152;
const [LONG, COMMAND] = [2, 4]; // flags of a frame
const [SEALED_MORE, SEALED_COMMAND] = [1, 2]; // of what is sealed in it
const ascii = (text) => Buffer.from(text, "latin1");
// signature, version 3.1, mechanism, no server, filler
const GREETING = join(ascii("\xff\0\0\0\0\0\0\0\0\x7f\x03\x01CURVE"), Buffer.alloc(15 + 1 + 31));

// crypto_box of NaCl: the key of the pair is HSalsa20 of what X25519 agrees on.
function boxKey(secret, key) {
    const words = (bytes) => Uint32Array.from({ length: bytes.length / 4 }, (_, at) => Buffer.from(bytes).readUInt32LE(4 * at));
    const out = new Uint32Array(8);
    hsalsa(words(ascii("expand 32-byte k")), words(x25519.getSharedSecret(secret, key)), new Uint32Array(4), out);
    const bytes = Buffer.alloc(32);
    out.forEach((word, at) => bytes.writeUInt32LE(word, 4 * at));
    return bytes;
}

const seal = (key, nonce, plain) => Buffer.from(xsalsa20poly1305(key, nonce).encrypt(plain));
const open = (key, nonce, box) => Buffer.from(xsalsa20poly1305(key, nonce).decrypt(box));

function counter(number) {
    const out = Buffer.alloc(8);
    out.writeBigUInt64BE(number);
    return out;
}

function property(name, value) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(value.length);
    return join(Buffer.from([name.length]), ascii(name), length, ascii(value));
}

function framed(flags, body) {
    if (body.length < 256) return join(Buffer.from([flags, body.length]), body);
    const head = Buffer.alloc(9);
    head[0] = flags | LONG;
    head.writeBigUInt64BE(BigInt(body.length), 1);
    return join(head, body);
}

export class Wire {
    /** Handlers: met() when somebody answers, ready() after the handshake, message(parts), gone(reason) once, whoever has ended it. */
    constructor({ address, serverKey, secretKey }, handlers) {
        const [, host, port] = /^tcp:\/\/\[?(.+?)\]?:(\d+)$/.exec(address);
        Object.assign(this, { serverKey, secretKey, handlers });
        this.once = randomBytes(32);
        this.oncePublic = curvePublic(this.once);
        this.said = 0n;
        this.heard = 0n;
        this.parts = [];
        this.bytes = Buffer.alloc(0);
        this.step = this.greeting;
        this.socket = connect({ host, port: Number(port), noDelay: true });
        this.socket.on("connect", () => {
            handlers.met?.();
            this.socket.write(GREETING);
        });
        this.socket.on("data", (chunk) => this.arrived(chunk));
        this.socket.on("error", (error) => this.end(error.message));
        this.socket.on("close", () => this.end("the connection was closed"));
    }

    end(reason) {
        if (this.over) return;
        this.over = true;
        this.socket.destroy();
        this.handlers.gone(reason);
    }

    /** As `end`, once the kernel has taken what was said. */
    finish(reason) {
        this.socket.end(() => this.end(reason));
    }

    arrived(chunk) {
        this.bytes = this.bytes.length ? join(this.bytes, chunk) : chunk;
        try {
            while (!this.over && this.step());
        } catch (error) {
            this.end(error.message);
        }
    }

    take(count) {
        const taken = this.bytes.subarray(0, count);
        this.bytes = this.bytes.subarray(count);
        return taken;
    }

    greeting() {
        if (this.bytes.length < 64) return false;
        const greeting = this.take(64);
        if (greeting[0] !== 0xff || greeting[9] !== 0x7f || greeting[10] < 3) throw new Malformed("nobody speaks ZMTP 3 there");
        if (greeting.toString("latin1", 12, 32).replace(/\0+$/, "") !== "CURVE") throw new Malformed("nobody speaks CURVE there");
        this.serverOnceKey = boxKey(this.once, this.serverKey);
        const box = seal(this.serverOnceKey, join(ascii("CurveZMQHELLO---"), counter(++this.said)), Buffer.alloc(64));
        this.command(join(ascii("\x05HELLO\x01\0"), Buffer.alloc(72), this.oncePublic, counter(this.said), box));
        this.step = this.frames;
        this.onCommand = this.welcome;
        return true;
    }

    command(body) {
        this.socket.write(framed(COMMAND, body));
    }

    frames() {
        if (this.bytes.length < 2) return false;
        const flags = this.bytes[0];
        const head = flags & LONG ? 9 : 2;
        if (this.bytes.length < head) return false;
        const length = flags & LONG ? Number(this.bytes.readBigUInt64BE(1)) : this.bytes[1];
        if (length > MESSAGE_BYTES_MAX + 64) throw new Malformed("a frame is too large");
        if (this.bytes.length < head + length) return false;
        this.take(head);
        this.onCommand(this.take(length));
        return true;
    }

    static body(name, command, length) {
        if (command.subarray(0, 6).equals(ascii("\x05ERROR"))) throw new Malformed(`the hub refuses this key: ${command.subarray(7)}`);
        if (command[0] !== name.length || command.toString("latin1", 1, 1 + name.length) !== name) throw new Malformed(`not a ${name}`);
        const rest = command.subarray(1 + name.length);
        if (length !== undefined && rest.length !== length) throw new Malformed(`a ${name} has another length`);
        return rest;
    }

    welcome(command) {
        const rest = Wire.body("WELCOME", command, 160);
        const plain = open(this.serverOnceKey, join(ascii("WELCOME-"), rest.subarray(0, 16)), rest.subarray(16));
        const [serverOnce, cookie] = [plain.subarray(0, 32), plain.subarray(32)];
        this.key = boxKey(this.once, serverOnce);
        const vouchNonce = randomBytes(16);
        const vouch = seal(boxKey(this.secretKey, serverOnce), join(ascii("VOUCH---"), vouchNonce), join(this.oncePublic, this.serverKey));
        const metadata = join(property("Socket-Type", "DEALER"), property("Identity", ""));
        const said = join(curvePublic(this.secretKey), vouchNonce, vouch, metadata);
        const box = seal(this.key, join(ascii("CurveZMQINITIATE"), counter(++this.said)), said);
        this.command(join(ascii("\x08INITIATE"), cookie, counter(this.said), box));
        this.onCommand = this.readied;
    }

    readied(command) {
        const rest = Wire.body("READY", command);
        this.heard = rest.readBigUInt64BE();
        open(this.key, join(ascii("CurveZMQREADY---"), rest.subarray(0, 8)), rest.subarray(8));
        this.onCommand = this.sealed;
        this.handlers.ready();
    }

    sealed(command) {
        const rest = Wire.body("MESSAGE", command);
        const number = rest.readBigUInt64BE();
        if (number <= this.heard) throw new Malformed("a nonce came again");
        this.heard = number;
        const plain = open(this.key, join(ascii("CurveZMQMESSAGES"), rest.subarray(0, 8)), rest.subarray(8));
        if (plain[0] & SEALED_COMMAND) return this.inner(plain.subarray(1));
        this.parts.push(plain.subarray(1));
        if (plain[0] & SEALED_MORE) return;
        const parts = this.parts;
        this.parts = [];
        this.handlers.message(parts);
    }

    // A heartbeat of ZMTP 3.1 is said back; other commands mean nothing to a DEALER.
    inner(command) {
        if (command.subarray(0, 5).equals(ascii("\x04PING"))) this.put(SEALED_COMMAND, join(ascii("\x04PONG"), command.subarray(7)));
    }

    put(flags, body) {
        const box = seal(this.key, join(ascii("CurveZMQMESSAGEC"), counter(++this.said)), join(Buffer.from([flags]), body));
        this.socket.write(framed(0, join(ascii("\x07MESSAGE"), counter(this.said), box)));
    }

    say(...parts) {
        if (this.over) return;
        parts.forEach((part, at) => this.put(at < parts.length - 1 ? SEALED_MORE : 0, part));
    }

    /** Bytes that the kernel has not taken yet. */
    get waiting() {
        return this.socket.writableLength;
    }

    drained(then) {
        if (this.waiting === 0) then();
        else this.socket.once("drain", then);
    }
}
