// Fingers that tremble, rest on the glass, or touch twice. A finger that slides on its button has touched it. The second touch of a slow double tap
// answers neither the page that has come in between nor the button that has moved into the place of the first, nor does a finger that was on its way
// when the page went by itself. And whoever touches anything at all is there.
const NEAR_MM = 20; // a double tap hits the same place, not the same point
const PRESENT_MS = 5000; // so often it is told that somebody is there
const pressed = new Map(); // pointer: where and on which question it came down
let last; // the touch before: where, when, on which question and button
let asked = question(); // what stands there, and since when
let askedAt = -Infinity;
let calledFor = false; // by a touch; else it came by itself
let toldAt = -Infinity;

/** What is asked: the page, and the sheet that it is about. */
function question() {
  const sheet = document.querySelector(".picture img")?.getAttribute("src").split("?")[0] ?? "";
  return `${document.body.dataset.screen} ${sheet}`;
}

function near(one, other) {
  const millimetre = Number.parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--mm"));
  return Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) < NEAR_MM * millimetre;
}

/** Nobody can have read the page that this touch would answer. */
function unread(touch, now) {
  if (!last) return false;
  const pause = Number(document.documentElement.dataset.pause) * 1000;
  if (last.question === asked) return false;
  if (near(touch, last.touch) && now - Math.max(last.at, askedAt) < pause) return true;
  return !calledFor && now - askedAt < pause;
}

/** The button of the touch before has gone from under the finger on the same page, and another one stands in its place. */
function moved(touch, now) {
  if (!last?.button) return false;
  const pause = Number(document.documentElement.dataset.pause) * 1000;
  if (!near(touch, last.touch) || now - last.at >= pause) return false;
  const there = document.elementFromPoint(last.touch.clientX, last.touch.clientY)?.closest("button");
  return there?.name !== last.button.name || there.value !== last.button.value;
}

document.addEventListener("pointerdown", (touch) => {
  const now = performance.now();
  const meant = !unread(touch, now) && !moved(touch, now);
  const button = touch.target.closest("button");
  for (const [pointer, press] of pressed) if (press.lifted) pressed.delete(pointer);
  pressed.set(touch.pointerId, { button, meant, question: asked });
  last = { touch, at: now, question: meant ? asked : last.question, button: meant ? button : last.button };
}, true);

document.addEventListener("pointerup", (touch) => {
  const press = pressed.get(touch.pointerId);
  if (!press) return;
  press.lifted = true;
  const under = document.elementFromPoint(touch.clientX, touch.clientY)?.closest("button");
  if (!press.button && !under && press.meant) present();
  if (touch.pointerType === "mouse" || !press.button || !under || press.question !== asked) return;
  if (under.name !== press.button.name || under.value !== press.button.value) return;
  // The browser takes a finger that has moved for a swipe, and one that touched a page drawn anew meanwhile for nothing.
  press.done = true;
  if (press.meant) under.click();
}, true);

document.addEventListener("pointercancel", ({ pointerId }) => pressed.delete(pointerId), true);

// What the browser makes of it comes behind; a click without a finger is a keyboard's, or ours.
document.addEventListener("click", (click) => {
  const press = pressed.get(click.pointerId);
  if (press && (press.done || !press.meant)) {
    click.preventDefault();
    click.stopImmediatePropagation();
  }
}, true);

// A key that is held asks once.
document.addEventListener("keydown", (key) => key.repeat && ["Enter", " "].includes(key.key) && key.preventDefault(), true);

document.addEventListener("screen", ({ detail }) => {
  if (question() === asked) return;
  asked = question();
  askedAt = performance.now();
  calledFor = detail.called;
});

/** A touch beside the buttons answers nothing, but somebody is there. */
function present() {
  const begin = document.querySelector("main button[value=begin]");
  if (begin) return begin.click();
  const now = performance.now();
  if (!document.querySelector(".end button") || now - toldAt < PRESENT_MS) return;
  toldAt = now;
  const [stamp, turn] = ["stamp", "turn"].map((name) => document.querySelector(`[name=${name}]`)?.value ?? "");
  const body = new URLSearchParams({ stamp, turn, do: "stay" });
  fetch("/tap", { method: "POST", body, cache: "no-store", redirect: "manual" }).catch(() => {}); // the bell tells what came of it
}
