"""Bits flip on the disks of a cabin and of a hub while their processes rest. Whatever is used afterwards is what was written, or somebody is called.

Each round flips one bit in one file of a node's folder, starts the node on it with the real code, couples it with the other node, and lets an agency
look at everything as its connector does. A flip counts as *noticed* (a trouble, an alarm, a refusal), as *healed or without effect* (nothing differs
from what was promised), as *given back* (the hub has found that a document was altered, and has it from its cabin again), or as a violation:
something is altered or gone and nobody says so, or a document lies open in its inbox altered though its cabin keeps it. Of the flips after which
SQLite reads the same, with the same beside it, the first is looked at for all, and now and then another, which must fare alike.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

from cloud import inbox
from cloud.ledger import Ledger
from cloud.lost import CLOSED
from cloud.turn import News, Wanted
from edge.buffer import Buffer
from edge.storage.opening import FILE
from protocol.asking import Delivered
from protocol.errors import Trouble
from protocol.ids import Digest
from protocol.manifest import Manifest, Receipt, check_chain, unverified, verify
from tools.room import room
from tools.simulator import district, engines
from tools.simulator.district import HUB_FILE
from tools.torture.crashes import lay_out
from tools.torture.judges import Judges, Looking, looking_on
from tools.torture.lives import Life, tortured
from tools.torture.pair import Keys, Pair
from tools.torture.planted import planted
from tools.torture.power import FILES, JUDGED_AGAIN, _steps
from tools.torture.promises import Promised, spell
from tools.torture.recovery import Recovery
from tools.torture.remembered import remembered
from tools.torture.report import Report, luck

LIVES_EVERY: Final = 200  # rounds; then other nodes suffer
_MOMENTS: Final = (12, 25, 41)  # of a life, at which folders are copied as a killed process leaves them
_OPEN: Final = 8  # documents that nobody has fetched when it ends
_AIMED: Final = 0.6
_SEGMENT: Final = ".segment"
_HUB: Final = f"hub/{HUB_FILE}"
_AIMED_AT_INDEXES: Final = 0.05
_INDEX_BYTES: Final = 200  # SQLite fills its pages from their ends
_INDEXES: Final = "SELECT rootpage FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'document'"
_WORDS: Final = b"CREATE "  # SQLite keeps them, and makes its tables by them anew each time
_WORDS_BYTES: Final = 200
_EVERYTHING: Final = 1 << 30
_START_SECONDS: Final = 0.0  # monotonic: then a hub looks at what it holds for the first time
_ALARMS: Final = "SELECT text FROM alarm ORDER BY id"


class Scene(NamedTuple):
    """Both folders at one moment of a life, as names and bytes, and what had been promised. `indexes`: where the pages of indexes of documents end in
    the hub's database, in bytes."""

    folders: list[str]
    files: dict[str, bytes]
    keys: Keys
    promised: Promised
    raws: dict[Digest, bytes]
    indexes: list[int]


def rot(rounds: int, seed: int, plant: str = "", jobs: int = 1) -> Report:
    """`rounds` bits."""
    return tortured(Report("rot", seed, plant, rounds), _play, LIVES_EVERY, jobs)


def _play(life: Life) -> Report:
    report = Report("rot", life.seed, life.plant, life.rounds)
    report.counts["lives"] += 1
    with room() as place, planted(life.plant), engines.kept(), remembered():
        scenes = _scenes(place, life.name)
        dice = luck(life.name, "rot")
        verdicts = Verdicts(scenes, place, luck(life.name, "again"))
        while report.rounds < life.rounds and not report.enough:
            scene = dice.choice(range(len(scenes)))
            where, bit = _aim(scenes[scene], dice)
            verdict = verdicts.of(scene, where, bit)
            report.rounds += 1
            report.counts["judged"] += verdicts.fresh
            report.counts[f"{where.partition('/')[2].partition('/')[0]}-{verdict.outcome}"] += 1
            if verdict.broken:
                report.broke(f"{verdict.broken} for bit {bit} of {where} in life {life.name}")
    return report


def _scenes(place: Path, life: str) -> list[Scene]:
    """A life, and copies of its folders: some with a WAL, the last one closed in order, with documents that no agency has fetched."""
    keys = Keys(place / "founded", life, keeps=True)
    (place / "live").mkdir()
    promised: list[bytes] = []
    scenes: list[Scene] = []
    pair = Pair(keys, place / "live", life, lambda promise: promised.append(spell(promise)))

    def copy() -> None:
        there = sorted((place / "live").rglob("*"))
        told = Promised()
        for words in promised:
            told.heard(words)
        names = {each: str(each.relative_to(place / "live")) for each in there}
        folders = [names[each] for each in there if each.is_dir()]
        files = {names[each]: each.read_bytes() for each in there if each.is_file() and each.suffix != ".sqlite-shm"}
        scenes.append(Scene(folders, files, keys, told, pair.raws, _ends_of_indexes(files[_HUB])))

    try:
        for number, step in enumerate(_steps(pair, luck(life, "steps"))):
            step()
            if number in _MOMENTS:
                copy()
        for step in (*[pair.hand_in] * _OPEN, pair.announce, pair.send, pair.answer):
            step()
    finally:
        pair.close()
    copy()
    return scenes


def _ends_of_indexes(raw: bytes) -> list[int]:
    """Of the file as it is without its WAL, and so marked (sqlite.org/fileformat2.html, 1.3.3): in memory there is none."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(raw[:18] + b"\1\1" + raw[20:])
        [[page_bytes]] = connection.execute("PRAGMA page_size")
        return [root * page_bytes for (root,) in connection.execute(_INDEXES)]


class Verdict(NamedTuple):
    """How a flip fares, and the promise that it breaks."""

    outcome: str
    broken: str = ""


class Verdicts:
    """On flips in these scenes. `fresh`: the last one was looked at for itself."""

    def __init__(self, scenes: list[Scene], place: Path, dice: random.Random) -> None:
        self._scenes = scenes
        self._place = place / "rotten"
        self._dice = dice
        self._recoveries = {node: Recovery(place / f"{node}-read", file) for node, file in FILES.items()}
        self._said: dict[tuple[int, str, int], Verdict] = {}  # by scene, node, and what was seen of it
        self.fresh = True

    def of(self, scene: int, where: str, bit: int) -> Verdict:
        """On this bit of this file of the scene with this number."""
        node = where.partition("/")[0]
        rotten = bytearray(self._scenes[scene].files[where])
        rotten[bit // 8] ^= 1 << bit % 8
        files = {**self._scenes[scene].files, where: bytes(rotten)}
        of_node = {name[len(node) :]: raw for name, raw in files.items() if name.startswith(f"{node}/")}
        seen = self._recoveries[node].seen(of_node)
        before = None if seen is None else self._said.get((scene, node, seen))
        self.fresh = before is None or self._dice.random() < JUDGED_AGAIN
        if before is not None and not self.fresh:
            return before
        found = self._look(self._scenes[scene], files, where)
        if before is not None and before.outcome != found.outcome:
            return Verdict("violated", f"SQLite reads the same after two flips, and they fare as {before} and {found}")
        if seen is not None:
            self._said[scene, node, seen] = found
        return found

    def _look(self, scene: Scene, files: dict[str, bytes], where: str) -> Verdict:
        lay_out(files, scene.folders, self._place)
        look = _Look(scene, self._place)
        try:
            noticed, broken = look.look(where.startswith("cabin"))
        finally:
            shutil.rmtree(self._place)
        if look.unhealed and where.endswith(_SEGMENT):
            return Verdict("violated", look.unhealed[0])
        if broken and not noticed:
            return Verdict("violated", broken[0])
        if look.given_back and not broken:
            return Verdict("given-back")
        return Verdict("noticed" if noticed else "healed-or-without-effect")


def _aim(scene: Scene, dice: random.Random) -> tuple[str, int]:
    """Where to: any bit of any file, or one that somebody will miss, in a document, a receipt number, a name, a hash, the words that make a table, or
    what leads an inbox to its documents."""
    if scene.indexes and dice.random() < _AIMED_AT_INDEXES:
        return _HUB, dice.choice(scene.indexes) * 8 - dice.randrange(_INDEX_BYTES * 8) - 1
    where = dice.choice([name for name, raw in scene.files.items() if raw])
    raw = scene.files[where]
    if dice.random() < _AIMED:
        mark, reach_bytes = _mark(scene, dice)
        found = raw.find(mark, dice.randrange(len(raw)))
        found = found if found >= 0 else raw.find(mark)
        if found >= 0:
            return where, found * 8 + dice.randrange(min(reach_bytes, len(raw) - found) * 8)
    return where, dice.randrange(len(raw) * 8)


def _mark(scene: Scene, dice: random.Random) -> tuple[bytes, int]:
    """How bytes begin that matter to somebody, and how far they reach."""
    accepted = list(scene.promised.accepted.values())
    if not accepted:
        return scene.promised.written.hash, len(scene.promised.written.hash)
    one = dice.choice(accepted)
    raw = scene.raws[one.digest]
    begin = dice.randrange(max(1, len(raw) - 32))
    marks = (raw[begin : begin + 32], one.receipt.encode(), one.envelope, one.digest, scene.promised.written.hash)
    return dice.choice([*((mark, len(mark)) for mark in marks), (_WORDS, _WORDS_BYTES)])


class _Look:
    """At both nodes after a flip, through their own eyes and an agency's."""

    def __init__(self, scene: Scene, place: Path) -> None:
        seconds = iter(range(1, 1 << 40))
        self._scene = scene
        self._place = place
        self._now = lambda: district.at(1e6 + next(seconds))
        self.given_back = 0  # documents that the cabin was asked for, and that lie in their inbox again
        self.unhealed: list[str] = []  # that lie there open and altered, though the cabin keeps them

    def look(self, at_cabin: bool) -> tuple[list[str], list[str]]:
        """What somebody was told, and what is not as it was promised."""
        noticed: list[str] = []
        broken: list[str] = []
        try:
            buffer = self._scene.keys.buffer(self._place / "cabin", luck("rot"), self._now)
        except Trouble as trouble:
            return [str(trouble)], []
        except Exception as error:  # a node ends with words that a person can act on, or it begins
            return [], [f"The cabin does not start: {type(error).__name__}: {error}"]
        try:
            ledger = self._scene.keys.ledger(self._place / "hub", self._now)
        except Exception as error:
            buffer.close()
            return [str(error)], []
        cabin, hub = self._place / "cabin" / FILE, self._place / "hub" / HUB_FILE
        try:
            with (
                looking_on(cabin, buffer.close),
                looking_on(hub, ledger.close, ledger.database.close) as looking,
            ):
                before = looking.rows(_ALARMS)
                broken += self._hub(buffer, ledger, looking, at_cabin)
                broken += self._cabin(buffer) if at_cabin else []
                noticed += [text for (text,) in looking.rows(_ALARMS)[len(before) :]]
        except Exception as error:  # whatever it is, the process ends and says so
            noticed.append(f"{type(error).__name__}: {error}")
        return [*noticed, *buffer.troubles], broken

    def _cabin(self, buffer: Buffer) -> list[str]:
        """Everything a cabin may be asked for is what was promised, or it says that it is not."""
        judges = Judges(self._scene.keys, self._scene.raws, self._now)
        return list(judges.promises_of_cabin(buffer, self._scene.promised))

    def _hub(self, buffer: Buffer, ledger: Ledger, looking: Looking, at_cabin: bool) -> list[str]:
        """The cabin calls, everything goes up and down, an agency looks: every document that was secured is there, whole and signed."""
        site = self._scene.keys.site
        log = ledger.log(site)
        if log.theirs().number > buffer.log.last().number:
            raise ValueError("the hub holds more of the log than was written: log-fork")
        while fresh := buffer.log.read(log.theirs().number, 1 << 20, 100):
            log.commit(fresh)
        self._give(buffer, ledger, ledger.wanted(site))
        news = self._fetched(ledger)
        self._give(buffer, ledger, news.wanted)
        self.given_back = len(news.wanted)
        self._quiet(buffer, ledger)
        down = log.last()
        if down.number < buffer.log.theirs().number:
            raise ValueError("the cabin holds more of the hub's log than there is: log-fork")
        buffer.log.commit(log.read(buffer.log.theirs().number, 1 << 20, 1000))
        buffer.sync()
        return list(self._agencies(buffer, ledger, looking, at_cabin))

    def _give(self, buffer: Buffer, ledger: Ledger, asked: list[Wanted]) -> None:
        for wanted in asked:
            have = wanted.have_bytes
            while part := buffer.read(wanted.digest, have, 1 << 19):
                ledger.keep(wanted.digest, have, part)
                have += len(part)
            if have < wanted.size_bytes:
                raise ValueError("the cabin has nothing to send: Gone, and the hub calls a person")
        ledger.settle(everything=True)

    def _quiet(self, buffer: Buffer, ledger: Ledger) -> None:
        """Nobody speaks: the hub reads what nobody has fetched, and looks whether each document is found."""
        while ledger.proofread_at <= _START_SECONDS:
            ledger.proofread(_START_SECONDS)
            news = ledger.settle()
            self._give(buffer, ledger, news.wanted)
            self.given_back += len(news.wanted)

    def _fetched(self, ledger: Ledger) -> News:
        """Every agency fetches what lies in its inbox, and the hub reads with them."""
        for agency in self._scene.keys.agencies:
            for delivered in inbox.listing(ledger, agency, 0, 200, everything=False).documents:
                ledger.read_blob(delivered.digest, 0, _EVERYTHING)
        return ledger.settle()

    def _agencies(self, buffer: Buffer, ledger: Ledger, looking: Looking, at_cabin: bool) -> Iterator[str]:
        keys = self._scene.keys
        shown: dict[Any, bytes | None] = {}
        for agency in keys.agencies:
            counters = []
            for delivered in inbox.listing(ledger, agency, 0, 200, everything=True).documents:
                manifest = verify(Manifest, delivered.manifest, keys.cabin_key)
                check_chain(delivered.manifest, delivered.receipts)
                counters.append(manifest.counter)
                found = ledger.read_blob(delivered.digest, 0, _EVERYTHING)
                raw = found[0] if found else None
                if raw and not _fits(raw, manifest) and at_cabin:
                    yield "The hub has signed for a document that was altered in the cabin"
                elif raw and not _fits(raw, manifest):
                    self._look_for(buffer, delivered)
                    raise ValueError("the connector refuses a document: it is not the one that the cabin signed")
                shown[unverified(Manifest, delivered.manifest).envelope] = raw
            if sorted(counters) != list(range(1, len(counters) + 1)):
                raise ValueError(f"the connector misses documents: {sorted(counters)}")
        freed = {envelope for (envelope,) in looking.rows("SELECT envelope FROM document WHERE freed_at IS NOT NULL")}
        for envelope in self._scene.promised.secured:
            if envelope not in shown:
                yield "A document was „gesichert“ and no agency sees it"
            elif shown[envelope] is None and envelope not in freed:
                raise ValueError("the connector is told that a document is gone")

    def _look_for(self, buffer: Buffer, delivered: Delivered) -> None:
        """Could the cabin give this document again?"""
        last = unverified(Receipt, delivered.receipts[-1]).happening
        kept = buffer.read(delivered.digest, 0, _EVERYTHING)
        if kept and len(kept) == delivered.size_bytes and last not in CLOSED:
            self.unhealed.append("A document lies altered in an inbox, its cabin keeps it, and was not asked for it")


def _fits(raw: bytes, manifest: Manifest) -> bool:
    cut = raw.index(b"\n", raw.index(b"\n--- ") + 1) + 1
    sums = (hashlib.sha256(raw[:cut]).digest(), hashlib.sha256(raw[cut:]).digest())
    return sums == (manifest.header_sha256, manifest.payload_sha256)
