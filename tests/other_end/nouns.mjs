// The nouns of SPEC sections 2 to 10, as its tables have them: a noun is an array of its fields, and the type of a field follows from its name.
import { Malformed, Reader, join, write } from "./msgpack.mjs";

export const MARK_NONE = { epoch: 0, number: 0, hash: Buffer.alloc(32) }; // before entry 1

export class UnknownTag extends Malformed {}

// noun: [tag or "", fields]. What follows "|" has a default.
const NOUNS = Object.fromEntries(
    `
    Hello hello | versions node boot first last committed directory_version software time | chunk_bytes_max heard
    Entries entries | epoch first payloads hash
    Ack ack | committed
    Want want | digest offset_bytes length_bytes
    Chunk chunk | digest offset_bytes total_bytes
    Gone gone | digest
    Whisper whisper | about kind | payload
    Beat beat | number time echo held_seconds last | vitals
    Ask ask | number question
    Answer answer | number reply
    Refused refused | code text | retry_after_seconds ask
    Mark | | epoch number hash
    Vitals | | waiting_documents waiting_bytes oldest_seconds disk_free_bytes visitor devices troubles shut shut_since opens_at

    EpochOpened epoch | wrapped_key follows at
    DocumentSealed document | manifest summary digest size_bytes
    VisitEnded visit | visit began_at ended_at outcome documents language | face privacy privacy_read
    ReceiptGiven receipt | receipt
    DirectoryPublished directory | version digest size_bytes

    Signed | body signature
    Manifest | version suite envelope receipt agency epoch cabin captured_at length_bytes header_sha256 payload_sha256 counter previous
    Receipt | version envelope happening by at previous reason text

    MakeClaim claim | claim
    ShowDirectory show-directory |
    ListInbox list-inbox | | after count everything
    Tell tell | receipt
    ListLost list-lost | | count
    Recall recall | envelope | receipts
    CurrentDirectory current-directory | version digest size_bytes
    Listing listing | documents more
    LostListing lost-listing | manifests
    Done done |
    Delivered | place manifest summary digest size_bytes receipts

    Invitation | site name code area hub_address hub_curve_key authority_key curve_secret expires_at
    Claim | site invitation curve_key signing_key boot software proof
    HubCard | address curve_key authority_key
    InboxCard | agency epoch recipient signing_key curve_key

    Directory | version previous published_at hub agencies services routes cabins holidays_region | former_cabins former_keys
    HubRow | name address curve_key signing_key journal_recipient
    Agency | id name short hours | phone address inboxes signing_key dispatcher texts
    AgencyTexts | language | name short
    InboxKey | epoch recipient
    FormerKey | agency signing_key
    Service | id name plain | keywords bring texts
    ServiceTexts | language | plain bring
    Route | service area agency
    Hours | weeks | exceptions on_holidays
    Week | days | first_day last_day
    Exceptional | first_day last_day reason | day
    Span | begin_minute end_minute | kind
    CabinRow | site name code area address signing_key curve_key
    `
        .trim()
        .split(/\s*\n\s*/)
        .map((line) => {
            const [head, needed, defaulted = ""] = line.split("|").map((part) => part.trim());
            const [noun, tag = ""] = head.split(" ");
            const fields = (part) => part.split(" ").filter(Boolean);
            return [noun, { tag, fields: [...fields(needed), ...fields(defaulted)], needed: fields(needed).length }];
        }),
);
const DEFAULTS = { chunk_bytes_max: 524288, count: 50, "Span.kind": "open" };
const UNIONS = {
    frame: ["Hello", "Entries", "Ack", "Want", "Chunk", "Gone", "Whisper", "Beat", "Ask", "Answer", "Refused"],
    event: ["EpochOpened", "DocumentSealed", "VisitEnded", "ReceiptGiven", "DirectoryPublished"],
    question: ["MakeClaim", "ShowDirectory", "ListInbox", "Tell", "ListLost", "Recall"],
    reply: ["CurrentDirectory", "Listing", "LostListing", "Done"],
};

// "Types follow from names, by the first row that fits (`*` is any beginning)"; what has a dot is a field of that noun alone.
const ROWS = Object.entries({
    bytes: "body boot digest envelope hash invitation payload previous proof signature summary visit wrapped_key *_key *_secret *_sha256",
    moment: "at time shut_since *_at",
    truth: "dispatcher everything more on_holidays privacy_read visitor",
    seconds: "*_seconds",
    Mark: "last follows heard",
    text: "Manifest.receipt",
    Signed: "claim manifest receipt",
    Hours: "hours",
    HubRow: "hub",
    Vitals: "vitals",
    question: "question",
    reply: "reply",
    devices: "devices",
    "[text]": "bring keywords troubles",
    "[Agency]": "agencies",
    "[CabinRow]": "cabins former_cabins",
    "[[Span]]": "days",
    "[Span]": "day",
    "[Delivered]": "Listing.documents",
    "[Exceptional]": "exceptions",
    "[InboxKey]": "inboxes",
    "[FormerKey]": "former_keys",
    "[Signed]": "manifests receipts",
    "[bytes]": "payloads",
    "[Route]": "routes",
    "[Service]": "services",
    "[AgencyTexts]": "Agency.texts",
    "[ServiceTexts]": "Service.texts",
    "[whole]": "versions",
    "[Week]": "weeks",
    whole:
        "after ask committed count counter directory_version echo epoch face first number place version documents " +
        "*_documents *_bytes *_max *_minute",
}).map(([type, names]) => [type, names.split(" ")]);
const NIL_ALLOWED = ["Beat.vitals", "Vitals.shut_since", "Vitals.opens_at", "Agency.signing_key", "Week.first_day", "Week.last_day"];
const LENGTHS = { envelope: 16, visit: 16, signature: 64, digest: 32, hash: 32, invitation: 32, previous: 32 };

function typeOf(noun, field) {
    const fits = (name) => (name.startsWith("*") ? field.endsWith(name.slice(1)) : name === field || name === `${noun}.${field}`);
    return ROWS.find(([, names]) => names.some(fits))?.[0] ?? "text";
}

const mayBeNil = (noun, field) => NIL_ALLOWED.includes(`${noun}.${field}`);

function defaultOf(noun, field) {
    if (mayBeNil(noun, field)) return null;
    const named = DEFAULTS[`${noun}.${field}`] ?? DEFAULTS[field];
    if (named !== undefined) return named;
    const type = typeOf(noun, field);
    if (type.startsWith("[")) return [];
    return { bytes: Buffer.alloc(0), moment: null, truth: false, seconds: 0, Mark: MARK_NONE, devices: {}, whole: 0, text: "" }[type];
}

function put(type, value) {
    if (type.startsWith("[")) return join(write.array(value.length), ...value.map((one) => put(type.slice(1, -1), one)));
    if (type === "devices") return join(write.map(Object.keys(value).length), ...Object.entries(value).flat().map(write.text));
    if (type in UNIONS) return encode(value.noun, value);
    return type in NOUNS ? encode(type, value) : write[type](value);
}

function get(type, reader) {
    if (type.startsWith("[")) return Array.from({ length: reader.array() }, () => get(type.slice(1, -1), reader));
    if (type === "devices") return Object.fromEntries(Array.from({ length: reader.map() }, () => [reader.text(), reader.text()]));
    if (type in UNIONS) return getTagged(UNIONS[type], reader);
    if (type in NOUNS) return getFields(type, reader, reader.array());
    return type === "bytes" ? reader.bin() : reader[type]();
}

export function encode(noun, value) {
    const { tag, fields, needed } = NOUNS[noun];
    const parts = fields.map((field, index) => {
        if (value[field] === undefined && index < needed) throw new TypeError(`${noun} lacks ${field}`);
        const given = value[field] === undefined ? defaultOf(noun, field) : value[field];
        return given === null && mayBeNil(noun, field) ? write.nil() : put(typeOf(noun, field), given);
    });
    if (tag) parts.unshift(write.text(tag));
    return join(write.array(parts.length), ...parts);
}

function getFields(noun, reader, count) {
    const { fields, needed } = NOUNS[noun];
    if (count < needed) throw new Malformed(`${noun} lacks fields`);
    const value = { noun };
    fields.forEach((field, index) => {
        if (index >= count) value[field] = defaultOf(noun, field);
        else if (mayBeNil(noun, field) && reader.nil()) value[field] = null;
        else value[field] = get(typeOf(noun, field), reader);
        const length = LENGTHS[field];
        if (length && Buffer.isBuffer(value[field]) && value[field].length !== length) throw new Malformed(`${noun}.${field} has another length`);
    });
    for (let extra = fields.length; extra < count; extra++) reader.skip();
    return value;
}

function getTagged(nouns, reader) {
    const count = reader.array();
    const tag = reader.text();
    const noun = nouns.find((one) => NOUNS[one].tag === tag);
    if (noun === undefined) throw new UnknownTag(tag);
    return getFields(noun, reader, count - 1);
}

/** Frames and entries: lenient where section 2 says so. `kind`: a noun, or frame, event, question, reply. */
export function decode(kind, bytes) {
    const reader = new Reader(bytes);
    const value = kind in UNIONS ? getTagged(UNIONS[kind], reader) : getFields(kind, reader, reader.array());
    if (reader.rest !== 0) throw new Malformed(`bytes follow a ${kind}`);
    return value;
}

/** What is signed or printed on a card: written anew, the same bytes must come out; but a directory may say more than this version knows. */
export function decodeCanonical(noun, bytes) {
    const value = decode(noun, bytes);
    if (noun !== "Directory" && !encode(noun, value).equals(bytes)) throw new Malformed(`a ${noun} is not canonical`);
    return value;
}
