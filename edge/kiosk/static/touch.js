// A button that can do nothing further stays where it is and sends nothing.
document.addEventListener("click", (event) => {
  if (event.target.closest('[aria-disabled="true"]')) event.preventDefault();
});

// Coming back by a gesture or a key shows the server's screen, not a remembered one.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

// Whoever waits for more than five seconds is told why; that the page is drawn anew meanwhile, for every sheet of a pile, makes it no shorter.
const LATER_MS = 5000;
let later;
let waitsSince;
function explain(anew) {
  clearTimeout(later);
  if (anew) waitsSince = performance.now();
  const words = document.querySelector("[data-later]");
  const tell = () => words.replaceChildren(words.dataset.later);
  if (words) later = setTimeout(tell, waitsSince + LATER_MS - performance.now());
}

/** The button in the place of this one, on the same screen drawn anew. */
function successor(button) {
  const bar = ".settings button";
  const place = button.matches(bar) ? [...button.closest(".settings").querySelectorAll("button")].indexOf(button) : -1;
  if (place >= 0) return document.querySelectorAll(bar)[place];
  const same = [...document.querySelectorAll("button[name]")].filter(({ name, value }) => name === button.name && value === button.value);
  return same.find((one) => one.checkVisibility());
}

// A new screen begins at its question, for the keyboard and for whoever hears the page; one that is only drawn anew goes on where the keyboard was.
function begin(event) {
  const { before, focus } = event?.detail ?? {};
  const same = before?.dataset.screen === document.body.dataset.screen;
  const button = same ? focus?.closest("button") : null;
  const where = (button && successor(button)) ?? document.querySelector("main");
  where?.focus({ preventScroll: true });
  explain(!same);
}
document.addEventListener("screen", begin);
begin();
