// The page that stands there changes without being asked for: forms are sent in the background, a bell rings for every new page, and when the node
// is gone nothing of a visit stays on the glass. Without this file the same forms and pages work, one after the other.
const GONE_MS = 1500; // the bell is heard every two seconds; what is not there again by then is gone
const AGAIN_MS = 500; // as long as the node is silent it is asked again
const PICTURES_AGAIN_MAX = 5; // a picture that is gone stays away
let version = document.querySelector("meta[name=version]")?.content ?? "";
let blank;
let again;
let sent; // the button that was touched last
let next; // what was touched while that was on its way

/** Is the page numbered `next` at least as new as the one that stands here? Numbers of another process cannot be compared. */
function newer(next) {
  const [boot, number] = version.split("-");
  const [nextBoot, nextNumber] = next.split("-");
  return boot !== nextBoot || Number(nextNumber) >= Number(number);
}

async function show(answer) {
  const next = answer.headers.get("x-version");
  if (!answer.ok || !next || !newer(next)) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!newer(next)) return;
  version = next;
  const html = document.documentElement;
  const before = document.body;
  const detail = { before, focus: document.activeElement, called: before.hasAttribute("data-sent") };
  for (const { name } of [...html.attributes]) if (!page.documentElement.hasAttribute(name)) html.removeAttribute(name);
  for (const { name, value } of page.documentElement.attributes) html.setAttribute(name, value);
  before.replaceWith(document.adoptNode(page.body));
  document.dispatchEvent(new CustomEvent("screen", { detail })); // what stood there, what had the focus, whether a touch has asked for this page
}

/** Twice at once: Chromium breaks off what it has asked for, loopback or not, when a modem of this machine comes or goes. */
async function renew() {
  clearTimeout(again);
  const asked = () => fetch("/", { cache: "no-store" });
  try {
    await show(await asked().catch(asked));
  } catch {
    vanish();
    again = setTimeout(renew, AGAIN_MS);
  }
}

/** Nothing of anybody stays when the node does not answer. */
function vanish() {
  const gone = document.querySelector("template#gone");
  if (!gone) return;
  version = "";
  document.querySelector("main")?.replaceChildren(gone.content.cloneNode(true));
  for (const bar of document.querySelectorAll("form")) bar.remove();
}

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const button = event.submitter;
  if (button?.getAttribute("aria-disabled") === "true") return;
  if (document.body.hasAttribute("data-sent")) {
    if (button && !same(button, sent)) next = { button, turn: form.elements.turn?.value };
    next?.button.setAttribute("aria-busy", "true");
    return;
  }
  sent = button;
  document.body.dataset.sent = ""; // one touch a page: the next page has a body of its own
  button?.setAttribute("aria-busy", "true");
  const said = new URLSearchParams(new FormData(form, button));
  const tell = () => fetch(form.action, { method: "POST", body: said, cache: "no-store" });
  try {
    // Twice at once, as above: what had arrived all the same answers a question that is no longer asked.
    await show(await tell().catch(tell));
  } catch {
    await renew(); // whether or not the touch has arrived, the page says
  } finally {
    delete document.body.dataset.sent;
    button?.removeAttribute("aria-busy");
  }
  follow();
});

/** Something else was touched while the touch before was on its way: it is meant as long as the same is asked, and a setting on any page. */
function follow() {
  const touched = next;
  next = undefined;
  if (!touched || ![undefined, document.querySelector("[name=turn]")?.value].includes(touched.turn)) return;
  [...document.querySelectorAll("button[name]")].find((button) => same(button, touched.button) && button.checkVisibility())?.click();
}

function same(one, other) {
  return one.name === other?.name && one.value === other?.value;
}

const bell = new EventSource("/live");
bell.addEventListener("message", ({ data }) => {
  clearTimeout(blank);
  blank = undefined;
  if (data !== version) renew();
});
bell.addEventListener("error", () => {
  blank ??= setTimeout(vanish, GONE_MS);
});
bell.addEventListener("open", () => {
  clearTimeout(blank);
  blank = undefined;
});

// A picture that did not come is asked for again, for as long as its page stands there.
document.addEventListener("error", ({ target }) => {
  if (!(target instanceof HTMLImageElement)) return;
  const tries = Number(target.dataset.tries ?? 0) + 1;
  if (tries > PICTURES_AGAIN_MAX) return;
  target.dataset.tries = tries;
  setTimeout(() => target.isConnected && target.setAttribute("src", target.getAttribute("src")), AGAIN_MS);
}, true);

// Menus, dragging, pinching and leafing are for people with a computer of their own.
for (const name of ["contextmenu", "dragstart", "gesturestart"]) document.addEventListener(name, (event) => event.preventDefault());
document.addEventListener("wheel", (event) => event.ctrlKey && event.preventDefault(), { passive: false });
