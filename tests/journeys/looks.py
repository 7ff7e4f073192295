"""Looks at a page of the visitor's screen as it is drawn: sizes, gaps, contrast, what is cut off, what does not fit, and what axe finds.

axe says nothing of 32 px, of 72 px or of 7:1; so every box and colour is measured here, in the browser that draws it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page

from edge.kiosk.settings import Screen, Settings

AXE: Final = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
MM_TARGET: Final = 20.0
MM_MAIN_HIGH: Final = 25.0
MM_MAIN_WIDE: Final = 80.0
MM_GAP: Final = 6.0
PX_OVERLAP: Final = 4.0  # two lines of text touch by less
CONTRAST_TEXT: Final = 7.0
CONTRAST_SIGN: Final = 4.5
CHOICES_MAX: Final = 4
CHOICES_WITH_SIGNS_MAX: Final = 6
SENTENCES_MAX: Final = 2
# The names of languages need 20 × 20 mm and no more; everything else on a bar as well.
MAIN: Final = "button.main, a.main"

_MEASURE: Final = """
([expected, main]) => {
  const found = [];
  const name = (element) => element.getAttribute("aria-label") || element.innerText || element.className || element.tagName;
  const tell = (what, element) => found.push(`${what}: ${name(element).trim().slice(0, 50)}`);
  const shown = (element) => element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)].filter(shown);

  // one question
  const titles = all("h1");
  if (titles.length !== 1 || !titles[0].innerText.trim()) found.push(`${titles.length} questions`);

  // nothing to scroll, nothing cut off
  const root = document.documentElement;
  if (root.scrollHeight > innerHeight || root.scrollWidth > innerWidth) found.push(`the page is ${root.scrollWidth} × ${root.scrollHeight}`);
  const middle = document.querySelector("main");
  if (middle.scrollHeight > middle.clientHeight + 1 || middle.scrollWidth > middle.clientWidth + 1)
    found.push(`the middle needs ${middle.scrollWidth} × ${middle.scrollHeight} and has ${middle.clientWidth} × ${middle.clientHeight}`);
  for (const element of all("button, a, h1, p, dt, dd, img, .number, .hint, li")) {
    const box = element.getBoundingClientRect();
    if (box.left < -0.5 || box.top < -0.5 || box.right > innerWidth + 0.5 || box.bottom > innerHeight + 0.5) tell("outside the glass", element);
    if (getComputedStyle(element).display === "inline") continue;
    if (element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 4) tell("cut off", element);
  }

  // letters
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  const words = [];
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (!node.data.trim() || !shown(node.parentElement)) continue;
    range.selectNodeContents(node);
    if (![...range.getClientRects()].some((box) => box.width > 1 && box.height > 1)) continue;
    words.push(node.parentElement);
    const size = Number.parseFloat(getComputedStyle(node.parentElement).fontSize);
    if (size < expected.text - 0.1) tell(`letters of ${size} px`, node.parentElement);
  }

  // what fingers hit
  const targets = all("button, a[href]");
  for (const target of targets) {
    const box = target.getBoundingClientRect();
    const [high, wide] = target.matches(main) ? [expected.mainHigh, expected.mainWide] : [expected.target, expected.target];
    if (box.height < high - 0.6 || box.width < wide - 0.6) tell(`${Math.round(box.width)} × ${Math.round(box.height)} px`, target);
  }
  targets.forEach((one, index) => {
    const a = one.getBoundingClientRect();
    for (const other of targets.slice(index + 1)) {
      const b = other.getBoundingClientRect();
      const gap = Math.max(a.left - b.right, b.left - a.right, a.top - b.bottom, b.top - a.bottom);
      if (gap < expected.gap - 0.6) tell(`${gap.toFixed(1)} px to “${other.innerText.trim()}”`, one);
    }
  });
  // nothing lies on something else; lines of text may touch
  const things = [...all("h1, .lead, .number, .receipt p, .qr, .picture img, .notice, .facts, .papers li, .as-of, .progress, .drawing"), ...targets];
  things.forEach((one, index) => {
    const a = one.getBoundingClientRect();
    for (const other of things.slice(index + 1)) {
      if (one.contains(other) || other.contains(one)) continue;
      const b = other.getBoundingClientRect();
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (Math.min(wide, high) > expected.overlap) tell(`“${name(other).trim()}” lies on it, ${Math.round(wide)} × ${Math.round(high)} px`, one);
    }
  });
  const choices = all(".choice");
  const most = choices.every((choice) => choice.querySelector(".icon")) ? expected.choicesWithSigns : expected.choices;
  if (choices.length > most) found.push(`${choices.length} choices`);

  // what eyes tell apart
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const ink = canvas.getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    ink.clearRect(0, 0, 1, 1);
    ink.fillStyle = colour;
    ink.fillRect(0, 0, 1, 1);
    return [...ink.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const linear = [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const contrast = (one, other) => {
    const [a, b] = [light(one), light(other)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  for (const element of new Set(words)) {
    const value = contrast(rgba(getComputedStyle(element).color), behind(element));
    if (value < expected.contrastText) tell(`contrast ${value.toFixed(1)}`, element);
  }
  for (const sign of all(".icon")) {
    const value = contrast(rgba(getComputedStyle(sign).stroke), behind(sign));
    if (value < expected.contrastSign) tell(`contrast of a sign ${value.toFixed(1)}`, sign.parentElement);
  }
  for (const target of targets) {
    const own = rgba(getComputedStyle(target).backgroundColor);
    const edge = contrast(rgba(getComputedStyle(target).borderTopColor), behind(target.parentElement));
    if (Math.max(edge, contrast(own, behind(target.parentElement))) < expected.contrastSign) tell(`edge ${edge.toFixed(1)}`, target);
    if (Number.parseFloat(getComputedStyle(target).borderTopWidth) < 2.9) tell("a thin edge", target);
  }

  // few words above the buttons
  const lead = document.querySelector(".lead")?.innerText ?? "";
  const sentences = lead.split(/(?<=[.!?؟])\\s+|\\n/).filter((part) => part.trim());
  if (sentences.length > expected.sentences) found.push(`${sentences.length} sentences above the buttons`);
  if (root.lang === "" || root.dir === "") found.push("no language or direction");
  return found;
}
"""

_CORNERS: Final = """
() => Object.fromEntries(["help", "end"].map((name) => {
  const box = document.querySelector(`.${name} button`)?.getBoundingClientRect();
  return [name, box && [box.left, box.top, box.right, box.bottom].map(Math.round)];
}))
"""

BARS: Final = ("language", "text", "contrast", "low")
_LOOK: Final = """
() => {
  const { className, dataset } = document.documentElement;
  return [className, dataset.text, dataset.kernTheme, dataset.low];
}
"""
_RULES: Final = {"preload": False, "resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
_COLOURS: Final = {"preload": False, "resultTypes": ["violations"], "runOnly": ["color-contrast"]}


def faults(page: Page, settings: Settings, screen: Screen) -> list[str]:
    """What is not as a visitor's screen must be, in words; empty when all is well."""
    unit = screen.unit_px
    expected = {
        "text": screen.text_px * settings.text / 100,
        "target": MM_TARGET * unit,
        "mainHigh": MM_MAIN_HIGH * unit,
        "mainWide": MM_MAIN_WIDE * unit,
        "gap": MM_GAP * unit,
        "overlap": PX_OVERLAP,
        "contrastText": CONTRAST_TEXT,
        "contrastSign": CONTRAST_SIGN,
        "choices": CHOICES_MAX,
        "choicesWithSigns": CHOICES_WITH_SIGNS_MAX,
        "sentences": SENTENCES_MAX,
    }
    found: list[str] = page.evaluate(_MEASURE, [expected, MAIN])
    return found


def corners(page: Page) -> dict[str, list[int] | None]:
    """Where help and end stand: left, top, right, bottom in pixels."""
    where: dict[str, list[int] | None] = page.evaluate(_CORNERS)
    return where


def violations(page: Page, *, colours: bool = False) -> list[str]:
    """What axe finds, the size of targets included; or in the colours alone, where nothing else is another."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    found: dict[str, Any] = page.evaluate("rules => axe.run(document, rules)", _COLOURS if colours else _RULES)
    return [f"axe {one['id']}: {[node['target'] for node in one['nodes']][:3]}" for one in found["violations"]]


def put_on(page: Page, settings: Settings) -> None:
    """Touch the bars until the screen looks like this; what stands on it stays."""
    wanted = [settings.language, str(settings.text), settings.contrast, "on" if settings.low else "off"]
    now: list[str] = page.evaluate(_LOOK)
    touches = [f"{bar}:{to}" for bar, is_now, to in zip(BARS, now, wanted, strict=True) if is_now != to]
    page.evaluate(
        """async (touches) => {
          const stamp = document.querySelector("[name=stamp]").value;
          for (const set of touches) await fetch("/set", { method: "POST", body: new URLSearchParams({ stamp, set }), redirect: "manual" });
        }""",
        touches,
    )
    page.wait_for_function(f"wanted => JSON.stringify(({_LOOK})()) === JSON.stringify(wanted)", arg=wanted)
    page.evaluate(
        "document.fonts.ready.then(() => Promise.allSettled([...document.images].map((image) => image.decode())))"
    )


def fit(page: Page, screen: Screen) -> None:
    """Another glass: its pixels and its two lengths."""
    page.set_viewport_size({"width": screen.width_px, "height": screen.height_px})
    page.evaluate(
        """(css) => {
          const lengths = new CSSStyleSheet();
          lengths.replaceSync(css);
          document.adoptedStyleSheets = [lengths];
        }""",
        screen.css(),
    )
