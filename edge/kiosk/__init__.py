"""The visitor's screen: pages of the cabin's own, for the one browser that stands in it.

- `opened` puts it together; `doorstep` is there before the node is; `server` serves pages; `door` lets nobody else in; `boot_key` is what the browser
  must show; `bell` tells it when to look again
- `usher` receives one visitor after the other, `porch` is the screen before and between them; `lobby` is what a `guest` needs of the house
- `guest` is one visitor: `taps` come in (`wording`: what may stand in one), with `errands` (looking up), `asking` (a number), `sides` (of a card),
  `handouts` (what is taken away, printed by `press`, copies by `copies`)
- `scenes` says what a page is told, with `looking_up` and what is `telling` on several pages; `able` is what the devices let one do now, `problems`
  the words for what was met, `countdown` over `timer` how long is left, `privacy` which three sentences stand there
- `concerns` and `offices` read the directory in force for people; `reference` answers about services and numbers
- `language`, `settings` and `speech`: words, looks and voice; `pages/`, `static/` and `strings/` are what is sent
- `drawer`: the devices of a simulated cabin, for `kabine demo` only
"""
