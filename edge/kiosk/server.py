"""Serves the visitor's screen inside the node's process: pages, pictures of the visitor's own sheets, taps, and the bell that rings for a new page.

The address is always the same and says nothing: `/` is the page that stands there now. So there is nothing in a history, and going back shows
what anybody would see.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import segno
import structlog
import uvicorn
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect, Stream
from litestar.static_files import create_static_files_router

from edge.capture.workshop import PagesGone
from edge.kiosk import scenes
from edge.kiosk.door import BODY_BYTES_MAX, Door
from edge.kiosk.doorstep import Doorstep
from edge.kiosk.language import Catalogues
from edge.kiosk.settings import Screen
from edge.kiosk.speech import Speech
from edge.kiosk.usher import Usher
from protocol.errors import Refused, Trouble, Unavailable

log = structlog.get_logger("kiosk")

HERE: Final = Path(__file__).parent
PICTURE_PIXELS: Final = 1200
THUMB_PIXELS: Final = 500
BEAT_SECONDS: Final = 2.0  # of the bell: a screen that hears nothing knows that the node is gone
BELL_AGAIN_MILLISECONDS: Final = 500  # whoever has lost it listens again before the node is believed to be gone
GRACE_SECONDS: Final = 1
_ROOT: Final = HERE.parents[1]
_FOLDERS: Final = {  # path: npm package and its folder
    "/kern": "@kern-ux/native/dist",
    "/arabic": "@fontsource/noto-sans-arabic",
}


class Kiosk:
    """The application around an usher. `site`: the cabin's name; `phone`: for help, empty: the dispatcher's; `pause_seconds`: for so long a touch
    does not count that can only be the second of a double tap; `looked` hears of every browser that has drawn its first page."""

    def __init__(
        self,
        usher: Usher,
        catalogues: Catalogues,
        *,
        site: str,
        screen: Screen,
        phone: str = "",
        date_counts: bool = False,
        pause_seconds: float = 0.0,
        drawer: Callable[[Environment], list[HTTPRouteHandler]] | None = None,
        looked: Callable[[], None] | None = None,
    ) -> None:
        self._looked = looked
        self._open = True
        self._usher = usher
        self._site = site
        self._screen = screen
        self._phone = phone
        self._date_counts = date_counts
        self._pause_seconds = pause_seconds
        self._catalogues = catalogues
        self._speech = Speech()
        self._pages = Environment(
            loader=FileSystemLoader(HERE / "pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self.app = Litestar(
            route_handlers=[
                get("/", media_type=MediaType.HTML)(self.page),
                post("/tap", status_code=303)(self.tap),
                post("/set", status_code=303)(self.set),
                post("/speak", status_code=200)(self.speak),
                get("/live")(self.live),
                get("/page/{stamp:str}/{number:int}")(self.picture),
                get("/thumb/{stamp:str}/{number:int}")(self.thumb),
                get("/qr/{name:str}")(self.qr),
                get("/size.css")(self.size),
                create_static_files_router("/static", [HERE / "static"]),
                *(create_static_files_router(path, [npm(folder)]) for path, folder in _FOLDERS.items()),
                *(drawer(self._pages) if drawer is not None else ()),
            ],
            openapi_config=None,
            logging_config=None,
            exception_handlers={Trouble: _refused},
            on_startup=[self._prepare],
        )

    def close(self) -> None:
        """Browsers that listen are told nothing more, and need not be cut off."""
        self._open = False
        self._usher.changed()

    def _prepare(self) -> None:
        # No visitor waits for a page to be read and compiled.
        for name in self._pages.list_templates(["html"]):
            self._pages.get_template(name)

    async def page(self) -> Response[str]:
        """The page that stands there now."""
        usher = self._usher
        scene = usher.scene
        settings = usher.settings
        if scene == "parting" and usher.porch.parting is not None:
            settings = usher.porch.parting
        words = self._catalogues[settings.language]
        version = usher.bell.version
        text = self._pages.get_template(f"{scene}.html").render(
            t=words.say,
            words=words,
            language=words.language,
            languages=self._catalogues.languages,
            settings=settings,
            screen=scene,
            stamp=usher.stamp,
            turn=usher.bell.turn,
            version=version,
            site=self._site,
            can_speak=self._speech.available,
            can_end=usher.guest is not None,
            date_counts=self._date_counts,
            pause_seconds=self._pause_seconds,
            **scenes.values(usher, scene, words, self._phone),
        )
        return Response(text, headers={"x-version": version})

    async def tap(self, request: Request[Any, Any, Any]) -> Redirect:
        """One touch of the page. Whatever it did: the page that stands there then."""
        form = await request.form()
        await self._usher.tap(_field(form, "stamp"), _field(form, "turn"), _field(form, "do"))
        return Redirect("/", status_code=303)

    async def set(self, request: Request[Any, Any, Any]) -> Redirect:
        """One touch of the bars around it."""
        form = await request.form()
        await self._usher.set(_field(form, "stamp"), _field(form, "set"))
        return Redirect("/", status_code=303)

    async def speak(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """What the page says, as sound."""
        form = await request.form()
        if _field(form, "stamp") != self._usher.stamp:
            raise NotFoundException
        sound = await self._speech.wav(_field(form, "text"), _field(form, "language"))
        return Response(sound, media_type="audio/wav")

    async def live(self) -> Stream:
        """Server-sent events: the number of the page, whenever another one stands there, and now and then nothing."""
        if self._looked is not None:
            self._looked()
        return Stream(self._bell(), media_type="text/event-stream")

    async def picture(self, stamp: FromPath[str], number: FromPath[int]) -> Response[bytes]:
        """One of the visitor's own sheets; of a card no more than the card."""
        return await self._preview(stamp, number, PICTURE_PIXELS, close=True)

    async def thumb(self, stamp: FromPath[str], number: FromPath[int]) -> Response[bytes]:
        """The same, small."""
        return await self._preview(stamp, number, THUMB_PIXELS)

    async def qr(self, name: FromPath[str]) -> Response[bytes]:
        """The number on the screen, for a telephone that can read it. That it is asked for shows that the browser has drawn the page."""
        guest = self._usher.guest
        if guest is None or name != f"{self._usher.stamp}.svg" or guest.shown.receipt is None:
            raise NotFoundException
        self._usher.seen(guest.shown.receipt)
        picture = io.BytesIO()
        # Dark on white whatever the contrast of the screen is: few readers know it the other way round.
        segno.make(guest.shown.receipt, error="m", micro=False).save(picture, kind="svg", scale=8, light="white")
        return Response(picture.getvalue(), media_type="image/svg+xml")

    async def size(self) -> Response[str]:
        """The lengths that follow from the screen that is fitted."""
        return Response(self._screen.css(), media_type="text/css")

    async def _preview(self, stamp: str, number: int, pixels_max: int, *, close: bool = False) -> Response[bytes]:
        usher = self._usher
        if usher.guest is None or stamp != usher.stamp or number not in usher.guest.shown.pages:
            raise NotFoundException
        stay = usher.guest.stay
        close = close and usher.guest.is_card(number)
        try:
            picture = await usher.house.workshop.preview(number, pixels_max, close=close)
        except PagesGone as gone:
            if stay is not None and stamp == usher.stamp:
                stay.lost(gone)
            raise NotFoundException from gone
        except Trouble as trouble:
            log.info("picture.gone", what=trouble.what)
            raise NotFoundException from trouble
        if stamp != usher.stamp:  # the visitor has gone meanwhile
            raise NotFoundException
        return Response(picture, media_type="image/jpeg")

    async def _bell(self) -> AsyncIterator[bytes]:
        version = ""
        while self._open:
            try:
                async with asyncio.timeout(BEAT_SECONDS):
                    version = await self._usher.bell.version_after(version)
                yield f"data: {version}\nretry: {BELL_AGAIN_MILLISECONDS}\n\n".encode()
            except TimeoutError:
                yield b": still here\n\n"


def npm(folder: str) -> Path:
    """Where a package's files lie. Raises Unavailable when the npm packages are not installed."""
    for root in (_ROOT, *Path.cwd().resolve().parents, Path.cwd()):
        found = root / "node_modules" / folder
        if found.is_dir():
            return found
    raise Unavailable(
        f"The screen's style sheets are missing: there is no node_modules/{folder}.",
        f"Run `npm ci --omit=dev` in {_ROOT}, or switch the screen off ([kiosk] on = false in edge.toml).",
    )


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The node's own process hears them."""
        yield


@contextlib.asynccontextmanager
async def served(kiosk: Kiosk, step: Doorstep, body_bytes_max: int = BODY_BYTES_MAX) -> AsyncIterator[None]:
    """Serve whoever stands at this doorstep, inside this block."""
    config = uvicorn.Config(
        Door(kiosk.app, step.socket.getsockname()[1], step.key, body_bytes_max),
        http="h11",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve([step.socket]))
    try:
        yield
    finally:
        kiosk.close()
        server.should_exit = True
        await serving


def _field(form: Any, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def _refused(request: Request[Any, Any, Any], trouble: Exception) -> Response[str]:
    if isinstance(trouble, Refused):
        return Response(trouble.what, status_code=400, media_type=MediaType.TEXT)
    return Response("The cabin cannot do that now.", status_code=503, media_type=MediaType.TEXT)
