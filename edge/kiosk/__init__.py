"""The visitor's screen: pages of the cabin's own, for the one browser that stands in it.

- `server` serves them; `door` lets nobody else in; `boot_key` is what the browser must show
- `usher` receives one visitor after the other; `guest` is one of them: taps come in, `scene` says which page stands there
- `concerns` and `offices` read the directory in force for people
- `language`, `settings` and `speech`: words, looks and voice; `pages/`, `static/` and `strings/` are what is sent
- `drawer`: the devices of a simulated cabin, for `kabine demo` only
"""
