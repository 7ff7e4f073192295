"""`kabine scanner`: which scanners there are, whether one works, and a scanner without hardware for trying things out."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import get_args

import click
import msgspec

from hardware.devices.sane_listing import discover
from hardware.scanner import Mode, Scanner, ScannerFailure, Source
from protocol.errors import Unavailable
from tools import folders


class FoundDevice(msgspec.Struct, frozen=True):
    """One device of `kabine scanner list --json`."""

    device: str
    vendor: str
    model: str
    kind: str


@click.group()
def scanner() -> None:
    """Scanners: find them, try them, and one without hardware."""


@scanner.command("list")
@click.option("--seconds", type=click.FloatRange(0.1, 120), default=15.0, show_default=True, help="Look for so long.")
@click.option("--json", "as_json", is_flag=True, help="One JSON list.")
def list_(seconds: float, as_json: bool) -> None:
    """Devices that SANE finds on this machine and its network, by the name that goes into edge.toml."""
    found = [FoundDevice(each.device, each.vendor, each.model, each.kind) for each in discover(seconds)]
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    for each in found:
        click.echo(f"{each.device}\t{each.vendor} {each.model} ({each.kind})")
    if found:
        click.echo(
            f'\nIn edge.toml:  [scanner]\n               fitted = "sane"\n               device = "{found[0].device}"'
        )
    else:
        click.echo("SANE finds no scanner. Is one switched on, and are sane-utils (and sane-airscan) installed?")


@scanner.command()
@click.option("--sane", metavar="DEVICE", help="As `kabine scanner list` names it, or how that begins.")
@click.option("--escl", metavar="URL", help="A driverless network scanner, as in http://192.168.1.20/eSCL.")
@click.option("--camera", metavar="DEVICE", help="A document camera, as in /dev/video0.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("."), help="Where the files go.")
@click.option(
    "--source",
    type=click.Choice(get_args(Source)),
    default="auto",
    show_default=True,
    help="Where it takes paper from.",
)
@click.option(
    "--mode", type=click.Choice(get_args(Mode)), default="color", show_default=True, help="What it makes of it."
)
@click.option("--dpi", type=click.IntRange(75, 600), default=300, show_default=True, help="Pixels per inch.")
def scan(
    sane: str | None, escl: str | None, camera: str | None, out: Path, source: Source, mode: Mode, dpi: int
) -> None:
    """One batch from a device, as the cabin would take it: every sheet into a file of its own, in the device's own format."""
    folders.made(out, "--out")
    try:
        with closing(_named(sane, escl, camera, source, mode, dpi)) as device:
            for sheet in device.scan():
                path = out / sheet.name
                path.write_bytes(sheet.image)
                click.echo(f"{path}\t{len(sheet.image)} bytes")
    except ScannerFailure as failure:
        raise Unavailable(failure.what, failure.remedy) from failure


@scanner.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="0: a free one.")
@click.option("--pages", type=click.IntRange(0, 50), default=3, show_default=True, help="Drawn sheets for each batch.")
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed draws the same paper."
)
@click.option(
    "--stage",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder with flags (`touch STAGE/scanner/flags/jammed`) and sheets (`cp letter.jpg STAGE/scanner/lying/`).",
)
def virtual(port: int, pages: int, seed: int, stage: Path | None) -> None:
    """A network scanner without hardware on 127.0.0.1: speaks eSCL over drawn paper, to this cabin and to any other program."""
    from hardware.simulated.escl import VirtualEscl
    from hardware.simulated.stage import Stage

    there = Stage(folders.made(stage, "--stage")) if stage else None
    try:
        device = VirtualEscl(seed, pages=pages, stage=there, port=port)
    except OSError as error:
        raise Unavailable(f"Port {port} cannot be used: {error.strerror}.", "Choose another with --port.") from error
    click.echo(f"{device.url}   (Ctrl+C ends it)")
    with closing(device):
        try:
            device.wait()
        except KeyboardInterrupt:
            pass


@scanner.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed draws the same paper."
)
@click.option("--dpi", type=click.IntRange(50, 600), default=300, show_default=True, help="Pixels per inch.")
def samples(folder: Path, seed: int, dpi: int) -> None:
    """Draw one of everything that people bring: letter, form, receipt, identity card, worn, photographed, blurred, empty."""
    from hardware.simulated.samples import draw_samples

    for path in draw_samples(folders.made(folder), seed, dpi).values():
        click.echo(path)


def _named(sane: str | None, escl: str | None, camera: str | None, source: Source, mode: Mode, dpi: int) -> Scanner:
    if sum(name is not None for name in (sane, escl, camera)) != 1:
        raise click.UsageError("Name one device: --sane, --escl or --camera.")
    if sane is not None:
        from hardware.devices.sane_scanner import SaneScanner

        return SaneScanner(sane, source=source, mode=mode, dpi=dpi)
    if escl is not None:
        from hardware.devices.escl_scanner import EsclScanner

        try:
            return EsclScanner(escl, source=source, mode=mode, dpi=dpi)
        except ValueError as error:
            raise click.UsageError(f"{error}.") from error
    assert camera is not None
    from hardware.camera_scanner import CameraScanner
    from hardware.devices.v4l2_camera import V4l2Camera

    return CameraScanner(V4l2Camera(camera))
