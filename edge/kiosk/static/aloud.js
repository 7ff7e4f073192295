// Reads the screen aloud when the visitor has asked for it: question, sentences, then what can be touched. The words are spoken by the cabin
// itself (POST /speak), nothing leaves it; a new screen or a touch ends what is being said.
import { output } from "./tones.js";

const READ = "h1, .lead, .notice, .words, .number, .receipt p, dt, dd, .papers li, .as-of, main button:not(.key), .help button, .end button";
const DIALLED_AT_ONCE = 5; // digits: a dialling code; more are taken three by three
let hushed = new AbortController();
let introduced = false; // once for each visitor who switches it on
let heard = ""; // what was asked for last

/** What is to be said, in order: [{text, language}], a run of the same language in one piece. */
export function sentences(page) {
  const said = [];
  for (const part of page.querySelectorAll(READ)) {
    if (part.parentElement.closest(READ) || !part.checkVisibility()) continue;
    const pieces = inLanguages(part);
    if (!pieces.length) continue;
    if (part.matches(".number:not(.phone)")) pieces[0].text = [...pieces[0].text.replace(/\W/g, "")].join(" "); // sign by sign, as one writes it down
    if (!/[.!?:…]$/.test(pieces.at(-1).text)) pieces.at(-1).text += ".";
    for (const { text, language } of pieces) {
      if (said.at(-1)?.language === language) said.at(-1).text += /^[.,:;!?]/.test(text) ? text : ` ${text}`;
      else said.push({ text, language });
    }
  }
  return said;
}

/** A telephone number as one dials it: digit by digit, with a pause between its groups. */
function dialled(number) {
  const groups = (number.match(/\+?\d+/g) ?? []).flatMap((group) => (group.length > DIALLED_AT_ONCE ? group.match(/.{1,3}/g) : [group]));
  return groups.map((group) => [...group].join(" ")).join(", ");
}

/** What is read as a whole, cut where another language begins: a name that nobody has translated is spoken as German. */
function inLanguages(node) {
  const element = node instanceof CharacterData ? node.parentElement : node;
  if (!element.checkVisibility()) return [];
  if (node === element && node.querySelector("[lang], .phone")) return [...node.childNodes].flatMap(inLanguages);
  const shown = (node.innerText ?? node.data ?? "").replace(/\s+/g, " ").trim();
  const text = element.closest(".phone") ? dialled(shown) : shown;
  const tag = element.closest("[lang]").lang;
  const language = tag === document.documentElement.lang ? document.documentElement.dataset.voice : tag;
  return /[\p{L}\p{N}]/u.test(text) ? [{ text, language }] : [];
}

async function sound(sentence, signal) {
  const body = new URLSearchParams({ ...sentence, stamp: document.querySelector("[name=stamp]").value });
  const answer = await fetch("/speak", { method: "POST", body, signal });
  if (!answer.ok) return;
  const { context, gain } = output();
  const source = new AudioBufferSourceNode(context, { buffer: await context.decodeAudioData(await answer.arrayBuffer()) });
  source.connect(gain);
  if (signal.aborted) return;
  signal.addEventListener("abort", () => source.stop());
  document.documentElement.dataset.speaking = "yes";
  await new Promise((ended) => {
    source.addEventListener("ended", ended);
    source.start();
  });
  delete document.documentElement.dataset.speaking;
}

async function read() {
  const { voice, volume } = document.documentElement.dataset;
  const wanted = voice && volume !== "0";
  const page = wanted ? sentences(document.querySelector(".screen")) : [];
  const asked = JSON.stringify([voice, volume, page]);
  introduced &&= Boolean(voice);
  if (asked === heard) return; // the same page, drawn again
  heard = asked;
  hushed.abort();
  hushed = new AbortController();
  const { signal } = hushed;
  try {
    if (wanted && !introduced) await sound({ text: document.body.dataset.intro, language: voice }, signal);
    introduced ||= Boolean(wanted);
    for (const sentence of page) {
      if (signal.aborted) return;
      await sound(sentence, signal);
    }
  } catch (trouble) {
    if (trouble.name !== "AbortError") throw trouble;
  }
}

// A touch ends it; if it brings another page, or this one in larger letters, that is read from its beginning.
function hush() {
  hushed.abort();
  heard = "";
}
document.addEventListener("pointerdown", hush);
document.addEventListener("keydown", hush);
document.addEventListener("screen", read);
read();
