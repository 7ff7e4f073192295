"""Reads aloud: espeak-ng on this machine turns the sentences of the screen into sound. Nothing leaves the cabin.

Nothing is kept either: a whole screen takes 0.03 s, so a store would save nobody's time and would have to know which words are a visitor's.
Text goes to espeak-ng through a pipe: what stands in a command line can be read by every process.
"""

from __future__ import annotations

import asyncio
import shutil
import struct
from typing import Final

from edge.kiosk.language import LANGUAGES
from protocol.errors import Code, Refused, Unavailable

PROGRAM: Final = "espeak-ng"
TEXT_CHARS_MAX: Final = 1_500  # the fullest screen has about 600
RENDER_SECONDS_MAX: Final = 10.0
WORDS_PER_MINUTE: Final = 150  # calm; espeak-ng's own 175 is for people who listen to it all day
WORDS_PER_MINUTE_PLAIN: Final = 125  # Leichte Sprache

_VOICES: Final = {language.code: (language.voice, WORDS_PER_MINUTE) for language in LANGUAGES} | {
    "leicht": ("de", WORDS_PER_MINUTE_PLAIN)
}


class Speech:
    """The voice of the cabin. `available`: espeak-ng is there; without it nobody is offered to be read to."""

    def __init__(self, program: str = PROGRAM) -> None:
        self._program = shutil.which(program)
        self._turn = asyncio.Semaphore(1)  # one voice, so that touching fast costs no more than one core

    @property
    def available(self) -> bool:
        """Whether there is a voice."""
        return self._program is not None

    async def wav(self, text: str, language: str) -> bytes:
        """These words as a WAV file. `language`: a code of ours. Raises Refused for what no screen of ours says, Unavailable when espeak-ng
        does not work."""
        if language not in _VOICES or not 0 < len(text) <= TEXT_CHARS_MAX:
            raise Refused(Code.MALFORMED, "This cannot be read aloud.", "Send what a screen says, and its language.")
        if self._program is None:
            raise Unavailable("There is no voice.", f"Install Debian's {PROGRAM}.")
        async with self._turn:
            return await _rendered(self._program, text, *_VOICES[language])


async def _rendered(program: str, text: str, voice: str, words_per_minute: int) -> bytes:
    process = await asyncio.create_subprocess_exec(
        program, "-v", voice, "-s", str(words_per_minute), "-b", "1", "--stdin", "--stdout",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(RENDER_SECONDS_MAX):
            sound, _ = await process.communicate(text.encode())
    except TimeoutError:
        raise Unavailable("The voice did not come.", f"Try `{PROGRAM} -v {voice} test` on this machine.") from None
    finally:  # too slow, or the visitor has touched something else and the browser has hung up
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode or not sound.startswith(b"RIFF"):
        raise Unavailable("There is no sound.", f"Try `{PROGRAM} -v {voice} test` on this machine.")
    return _with_sizes(sound)


def _with_sizes(sound: bytes) -> bytes:
    """espeak-ng writes the head of a WAV before it knows how long it will be."""
    head = sound.index(b"data") + 8
    riff_bytes, data_bytes = struct.pack("<I", len(sound) - 8), struct.pack("<I", len(sound) - head)
    return sound[:4] + riff_bytes + sound[8 : head - 4] + data_bytes + sound[head:]
