"""Numbers, sizes and moments as German words for administrators; page and command line say the same."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("Europe/Berlin")
_DEVICES = {
    "scanner": "Scanner",
    "camera": "Dokumentenkamera",
    "printer": "Drucker",
    "presence": "Anwesenheitssensor",
    "lamp": "Lampe an der Tür",
    "keyswitch": "Schlüsselschalter",
}
_STATES = {
    "jammed": "Papierstau",
    "cover-open": "Deckel offen",
    "denied": "kein Zugriff",
    "unreachable": "antwortet nicht",
    "low-paper": "wenig Papier",
    "low-toner": "wenig Toner",
    "empty": "kein Papier",
    "no-toner": "kein Toner",
    "stopped": "angehalten",
}


def moment(at: datetime, now: datetime) -> str:
    """Local time: `14:32` today, `03.05. 14:32` on another day of this year, else with the year. Both aware."""
    local, today = at.astimezone(LOCAL), now.astimezone(LOCAL)
    if local.date() == today.date():
        return f"{local:%H:%M}"
    return f"{local:%d.%m. %H:%M}" if local.year == today.year else f"{local:%d.%m.%Y %H:%M}"


def duration(seconds: float) -> str:
    """Rounded down to one unit: `8 s`, `7 Min.`, `3 Std.`, `12 Tg.`"""
    for unit_seconds, unit in ((86400, "Tg."), (3600, "Std."), (60, "Min.")):
        if seconds >= unit_seconds:
            return f"{int(seconds // unit_seconds)} {unit}"
    return f"{int(seconds)} s"


def ago(seconds: float) -> str:
    """`vor 7 Min.`"""
    return f"vor {duration(seconds)}"


def size(count_bytes: int) -> str:
    """`1,4 GB`, `300,0 MB`, `12 KB` (powers of 1000, German comma)."""
    for unit_bytes, unit in ((1000**3, "GB"), (1000**2, "MB")):
        if count_bytes >= unit_bytes:
            return f"{count_bytes / unit_bytes:.1f} {unit}".replace(".", ",")
    return f"{-(-count_bytes // 1000)} KB"


def agree(count: int, one: str, many: str) -> str:
    """The form of a word that goes with `count`."""
    return one if count == 1 else many


def documents(count: int) -> str:
    """`1 Dokument`, `3 Dokumente`."""
    return f"{count} {agree(count, 'Dokument', 'Dokumente')}"


def lost(count: int) -> str:
    """`3 Dokumente waren gesichert und fehlen, seit der Hub aus einer Sicherung zurückkam`."""
    verbs = agree(count, "war gesichert und fehlt", "waren gesichert und fehlen")
    return f"{documents(count)} {verbs}, seit der Hub aus einer Sicherung zurückkam"


def restored(at: datetime, asked: int, came: int, now: datetime) -> str:
    """`Der Hub kam aus einer Sicherung zurück (14:32): 12 Dokumente angefordert, 9 gekommen`."""
    begin = f"Der Hub kam aus einer Sicherung zurück ({moment(at, now)})"
    if not asked:
        return f"{begin}; kein Dokument fehlte ihm"
    return f"{begin}: {documents(asked)} angefordert, {'alle' if came == asked else came} gekommen"


def entries(count: int) -> str:
    """`1 Vorgang`, `3 Vorgänge`."""
    return f"{count} {agree(count, 'Vorgang', 'Vorgänge')}"


def all_entries(count: int) -> str:
    """`Alle 412 Vorgänge`."""
    return "Der einzige Vorgang" if count == 1 else f"Alle {count} Vorgänge"


def device(name: str, state: str) -> str:
    """`Drucker: kein Papier`; a word that only a newer cabin knows is repeated."""
    return f"{_DEVICES.get(name, name)}: {_STATES.get(state, state)}"
