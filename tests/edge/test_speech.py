"""The voice: real espeak-ng, in every language of the screen."""

from __future__ import annotations

import asyncio
import io
import os
import stat
import wave
from pathlib import Path

import pytest

from edge.kiosk.language import LANGUAGES, read
from edge.kiosk.speech import TEXT_CHARS_MAX, Speech
from protocol.errors import Refused, Unavailable
from tests.journeys.waiting import until


def spoken(speech: Speech, text: str, language: str) -> float:
    """Seconds of sound."""
    with wave.open(io.BytesIO(asyncio.run(speech.wav(text, language)))) as sound:
        frames = sound.readframes(sound.getnframes())
        assert any(frames), "silence"
        assert len(frames) == sound.getnframes() * sound.getsampwidth()
        return sound.getnframes() / sound.getframerate()


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_every_language_has_a_voice(language: object) -> None:
    words = read()[language.code]  # type: ignore[attr-defined]
    assert spoken(Speech(), words.say("privacy.text"), words.language.code) > 4


def test_leichte_sprache_is_spoken_more_slowly() -> None:
    text = read()["de"].say("privacy.text")
    assert spoken(Speech(), text, "leicht") > 1.1 * spoken(Speech(), text, "de")


def test_words_of_a_visitor_stand_in_no_command_line(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    voice = tmp_path / "voice"
    voice.write_text(f'#!/bin/sh\necho "$@" > {seen}\nexec espeak-ng "$@"\n')
    voice.chmod(voice.stat().st_mode | stat.S_IXUSR)
    assert spoken(Speech(str(voice)), "Ihre Nummer ist T E M 4 1 8.", "de") > 1
    assert "T E M" not in seen.read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"seen", "voice"}


@pytest.mark.parametrize(("text", "language"), [("", "de"), ("a" * (TEXT_CHARS_MAX + 1), "de"), ("Hallo", "fr")])
def test_what_no_screen_says_is_not_spoken(text: str, language: str) -> None:
    with pytest.raises(Refused):
        asyncio.run(Speech().wav(text, language))


def test_without_espeak_there_is_no_switch() -> None:
    speech = Speech("no-such-voice")
    assert not speech.available
    with pytest.raises(Unavailable, match="There is no voice"):
        asyncio.run(speech.wav("Hallo", "de"))


def test_a_broken_voice_is_trouble_in_words(tmp_path: Path) -> None:
    voice = tmp_path / "voice"
    voice.write_text("#!/bin/sh\necho no sound\n")
    voice.chmod(0o755)
    with pytest.raises(Unavailable, match="There is no sound"):
        asyncio.run(Speech(str(voice)).wav("Hallo", "de"))


def test_whoever_touches_on_is_not_waited_for(tmp_path: Path) -> None:
    """The browser hangs up: the process that speaks ends with it."""
    pid = tmp_path / "pid"
    voice = tmp_path / "voice"
    voice.write_text(f"#!/bin/sh\nmkfifo {pid}.end\necho $$ > {pid}.new\nmv {pid}.new {pid}\nread x < {pid}.end\n")
    voice.chmod(0o755)

    async def hang_up() -> None:
        speaking = asyncio.create_task(Speech(str(voice)).wav("Hallo", "de"))
        await asyncio.to_thread(until, pid.exists, "somebody speaks")
        speaking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await speaking

    asyncio.run(hang_up())
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
