"""The devices drawer of a simulated cabin: whoever tries Kabine out steps in, lays sheets down, jams the scanner and cuts the line here.

Only with `[kiosk] drawer = true`, which no real cabin has: it moves the stage of hardware/simulated. The line belongs to whoever started the
cabin; the drawer raises a flag, and `kabine demo` cuts.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment
from litestar import MediaType, Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from hardware.fitted import STAGE, Fitted
from hardware.simulated import stage as stages
from hardware.simulated.printer import SimulatedPrinter
from hardware.simulated.stage import Stage

PATH: Final = "/drawer"
LINE, CUT = "line", "cut"
SHEET_DPI: Final = 150
KINDS: Final = ("letter", "form", "receipt", "card", "back of a card")
# What may be raised and lowered, device by device; the words stand on the buttons.
FLAGS: Final = {
    "presence": (stages.SOMEBODY, stages.UNPLUGGED),
    "scanner": (stages.JAMMED, stages.COVER_OPEN, stages.UNPLUGGED, stages.SLOW, stages.BLURRED),
    "printer": (stages.NO_PAPER, stages.JAMMED, stages.UNPLUGGED, stages.SLOW),
    "keyswitch": (stages.TURNED, stages.UNPLUGGED),
    LINE: (CUT,),
}


class Drawer:
    """Pages and taps below /drawer. `folder`: of the node."""

    def __init__(self, folder: Path, devices: Fitted, pages: Environment, site: str) -> None:
        self._stage = Stage(folder / STAGE)
        self._devices = devices
        self._pages = pages
        self._site = site
        self._drawn = 0

    @property
    def routes(self) -> list[HTTPRouteHandler]:
        """For the screen's application."""
        return [
            get(PATH, media_type=MediaType.HTML)(self.page),
            post(f"{PATH}/flag", status_code=303)(self.flag),
            post(f"{PATH}/draw", status_code=303)(self.draw),
            post(f"{PATH}/put", status_code=303)(self.put),
            get(f"{PATH}/printed/{{number:int}}")(self.printed),
        ]

    async def page(self) -> Response[str]:
        """How everything stands."""
        text = self._pages.get_template("drawer.html").render(
            site=self._site,
            flags={
                device: [(word, word in self._stage.flags(device)) for word in words] for device, words in FLAGS.items()
            },
            states=self._devices.states(),
            lying=[path.name.partition("-")[2] for path in self._stage.lying("scanner")],
            kinds=KINDS,
            printed=range(len(self._jobs)),
            lamp=sorted(self._stage.flags("lamp")),
        )
        return Response(text)

    async def flag(self, request: Request[Any, Any, Any]) -> Redirect:
        """Raise a flag that is down, lower one that is up."""
        form = await request.form()
        device, word = str(form.get("device", "")), str(form.get("word", ""))
        if word not in FLAGS.get(device, ()):
            raise NotFoundException
        if word in self._stage.flags(device):
            self._stage.unflag(device, word)
        else:
            self._stage.flag(device, word)
        return Redirect(PATH, status_code=303)

    async def draw(self, request: Request[Any, Any, Any]) -> Redirect:
        """Lay a drawn sheet on the scanner."""
        kind = str((await request.form()).get("kind", ""))
        if kind not in KINDS:
            raise NotFoundException
        self._drawn += 1
        await asyncio.to_thread(self._lay_drawn, kind, self._drawn)
        return Redirect(PATH, status_code=303)

    async def put(self, request: Request[Any, Any, Any]) -> Redirect:
        """Lay a file of one's own on it."""
        file = (await request.form()).get("file")
        if isinstance(file, UploadFile) and file.filename:
            content = await file.read()
            await asyncio.to_thread(self._lay, Path(file.filename).name, content)
        return Redirect(PATH, status_code=303)

    async def printed(self, number: FromPath[int]) -> Response[bytes]:
        """What lies in the printer's tray."""
        if not 0 <= number < len(self._jobs):
            raise NotFoundException
        return Response(self._jobs[number].pdf, media_type="application/pdf")

    @property
    def _jobs(self) -> tuple[Any, ...]:
        printer = self._devices.printer
        return printer.printed if isinstance(printer, SimulatedPrinter) else ()

    def _lay_drawn(self, kind: Any, seed: int) -> None:
        from PIL import Image

        from hardware.simulated.identity import draw_card
        from hardware.simulated.paper import draw_page

        if "card" in kind:  # both sides of the same one, on the glass
            card, _ = draw_card(1, kind != "card", SHEET_DPI)
            drawn = Image.new("RGB", (card.width * 2, card.height * 3), "white")
            drawn.paste(card, (card.width // 2, card.height), card)
        else:
            drawn = draw_page(seed, SHEET_DPI, kind)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{kind.replace(' ', '-')}-{seed}.jpg"
            drawn.save(path, quality=88, dpi=(SHEET_DPI, SHEET_DPI))
            self._stage.put(path)

    def _lay(self, name: str, content: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / (name.lstrip(".") or "sheet")
            path.write_bytes(content)
            self._stage.put(path)
