// While nobody is there: the time of day, and after a while less light. Whoever comes or touches the glass has all of it.
const DIM_MS = 600_000;
const NEVER_SET = Date.UTC(2026, 0); // a clock before that has lost its battery, and says nothing
const TICK_MS = 1000;
let touched = performance.now(); // or somebody's page stood there

function tick() {
  const clock = document.querySelector(".clock time");
  if (!clock) touched = performance.now();
  document.documentElement.toggleAttribute("data-dim", performance.now() - touched >= DIM_MS);
  if (!clock) return;
  const now = new Date();
  const wall = { hour: "numeric", minute: "2-digit", timeZone: "Europe/Berlin" };
  clock.textContent = now >= NEVER_SET ? now.toLocaleTimeString("de", wall) : ""; // 24 hours in every language, as on the rest of the page
}

function woken() {
  touched = performance.now();
  tick();
}

for (const name of ["pointerdown", "keydown"]) document.addEventListener(name, woken, true);
document.addEventListener("screen", tick);
setInterval(tick, TICK_MS);
tick();
