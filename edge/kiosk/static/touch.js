// A button that can do nothing further stays where it is and sends nothing.
document.addEventListener("click", (event) => {
  if (event.target.closest('[aria-disabled="true"]')) event.preventDefault();
});

// Coming back by a gesture or a key shows the server's screen, not a remembered one.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

// Whoever waits for more than five seconds is told why.
const LATER_MS = 5000;
let later;
function explain() {
  clearTimeout(later);
  const words = document.querySelector("[data-later]");
  if (words) later = setTimeout(() => words.replaceChildren(words.dataset.later), LATER_MS);
}

// A new screen begins at its question, for the keyboard and for whoever hears the page.
function begin() {
  document.querySelector("main")?.focus({ preventScroll: true });
  explain();
}
document.addEventListener("screen", begin);
begin();
