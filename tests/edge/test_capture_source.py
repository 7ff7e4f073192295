"""What people and scanners hand in: every kind that is taken, and every kind that is refused in plain words."""

import contextlib
import io
import os
import struct
import zlib

import numpy as np
import pymupdf
import pytest
from PIL import Image, ImageDraw

from edge.capture import source
from edge.capture.page import WORKING_PIXELS_MAX
from hardware.scanner import Scan
from hardware.simulated.paper import draw_page
from protocol import limits
from protocol.errors import Code, Refused


def pages(what):
    return list(source.pages(what))


def refusal(what) -> Refused:
    with pytest.raises(Refused) as caught:
        pages(what)
    assert caught.value.what.endswith(".")
    assert caught.value.remedy
    return caught.value


def corner(size=(400, 600)) -> Image.Image:
    """White, black in the upper left corner."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).rectangle((0, 0, 99, 99), fill="black")
    return image


def dark_at(page, x, y) -> bool:
    return int(page.pixels[y, x].max()) < 60


def size(page) -> tuple[int, int]:
    return page.width, page.height


def png_header(width, height) -> bytes:
    """A PNG that says how large it is, and has next to nothing in it."""
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))  # noqa: E731
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_pictures_of_every_kind_are_one_page_at_their_resolution(tmp_path, kind):
    path = tmp_path / "scan"
    corner((800, 1100)).save(path, kind, dpi=(100, 100))
    (page,) = pages(path)
    assert source.count(path) == 1
    assert size(page) == (800, 1100)
    assert dark_at(page, 50, 50)
    assert not dark_at(page, 700, 1000)
    assert page.dpi == pytest.approx(100 if kind != "WEBP" else 1100 / 11.69, abs=0.1)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "CMYK", "I;16"])
def test_every_mode_becomes_grey_or_rgb_on_white(tmp_path, mode):
    grey = np.full((60, 80), 255, np.uint8)
    grey[:20, :20] = 0
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    elif mode in ("RGBA", "LA"):
        image = Image.fromarray(grey).convert(mode)
        image.putalpha(Image.fromarray(255 - grey))
    else:
        image = Image.fromarray(grey).convert("RGB").convert(mode)
    path = tmp_path / ("x.tif" if mode == "CMYK" else "x.png")
    image.save(path, dpi=(40, 40))
    (page,) = pages(path)
    assert page.pixels.dtype == np.uint8
    assert page.pixels.shape in ((60, 80), (60, 80, 3))
    assert dark_at(page, 5, 5)
    assert not dark_at(page, 70, 50)


@pytest.mark.parametrize(
    ("kind", "white"), [("float32", 1.0), ("float32", 255.0), ("int32", 2**24), ("uint32", 2**32 - 1)]
)
def test_grey_of_any_depth_keeps_its_shades(tmp_path, kind, white):
    shades = np.repeat(np.linspace(0, 1, 5), 40)[None, :].repeat(60, 0)
    path = tmp_path / "x.tif"
    Image.fromarray(
        (shades * white).astype("int64" if "int" in kind else kind).astype(kind).view(kind.lstrip("u"))
    ).save(path, dpi=(40, 40))
    if kind == "uint32":  # Pillow writes signed samples only: say of the same bytes that they are not
        whole = path.read_bytes()
        path.write_bytes(whole.replace(struct.pack("<HHII", 339, 3, 1, 2), struct.pack("<HHII", 339, 3, 1, 1)))
    (page,) = pages(path)
    assert page.pixels[30, 20::40].tolist() == pytest.approx([0, 64, 128, 191, 255], abs=2)


def test_a_multi_page_tiff_gives_its_pages_one_by_one(tmp_path):
    path = tmp_path / "fax.tif"
    sheets = [Image.new("L", (300, 400), shade) for shade in (10, 120, 230)]
    sheets[0].save(path, save_all=True, append_images=sheets[1:], dpi=(100, 100))
    assert source.count(path) == 3
    lazily = source.pages(path)
    assert next(lazily).pixels[9, 9] == 10
    assert [int(page.pixels[9, 9]) for page in lazily] == [120, 230]


def test_a_fax_with_oblong_pixels_is_made_square(tmp_path):
    path = tmp_path / "fax.tif"
    Image.new("L", (1728, 1145), 255).save(path, dpi=(204, 98))
    (page,) = pages(path)
    assert page.dpi == pytest.approx(204)
    assert page.width == 1728
    assert page.height == pytest.approx(1145 * 204 / 98, abs=2)


@pytest.mark.parametrize(
    ("kind", "orientation", "black"), [("JPEG", 6, "right"), ("JPEG", 3, "bottom"), ("TIFF", 6, "right")]
)
def test_the_orientation_of_a_camera_is_honoured(tmp_path, kind, orientation, black):
    path = tmp_path / "photo"
    exif = Image.Exif()
    exif[274] = orientation
    corner().save(path, kind, exif=exif, dpi=(100, 100))
    (page,) = pages(path)
    assert size(page) == ((600, 400) if orientation == 6 else (400, 600))
    x, y = page.width - 50, 50 if black == "right" else page.height - 50
    assert dark_at(page, x, y)
    assert not dark_at(page, 50, 50)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_what_is_finer_than_300_dpi_is_brought_down(tmp_path, kind):
    path = tmp_path / "fine"
    corner((2000, 3000)).save(path, kind, dpi=(600, 600))
    (page,) = pages(path)
    assert size(page) == (1000, 1500)
    assert page.dpi == pytest.approx(300)


@pytest.mark.parametrize("dpi", [None, (1, 1), (3000, 3000), (10, 10)])
def test_a_resolution_that_cannot_be_is_replaced_by_that_of_a4(tmp_path, dpi):
    path = tmp_path / "photo.png"
    corner((1000, 1500)).save(path, **({"dpi": dpi} if dpi else {}))
    (page,) = pages(path)
    assert page.dpi == pytest.approx(1500 / 11.69)


def test_a_scan_that_never_was_a_file_is_taken_too():
    file = io.BytesIO()
    corner().save(file, "PNG", dpi=(100, 100))
    scan = Scan("sheet-1", file.getvalue())
    assert source.count(scan) == 1
    assert dark_at(pages(scan)[0], 5, 5)
    assert "sheet-1" in refusal(Scan("sheet-1", b"")).what


def pdf(tmp_path, count=2, **save):
    path = tmp_path / "letter.pdf"
    with pymupdf.open() as document:
        for number in range(count):
            sheet = document.new_page(width=595, height=842)
            sheet.insert_text((72, 100), f"Seite {number + 1}", fontsize=40)
        document.save(path, **save)
    return path


def test_a_pdf_is_drawn_at_300_dpi(tmp_path):
    path = pdf(tmp_path)
    assert source.count(path) == 2
    first, second = pages(path)
    assert (first.width, first.dpi) == (2479, 300) or first.width == 2480
    assert first.pixels.min() < 40
    assert first.pixels.tobytes() != second.pixels.tobytes()
    with path.open("rb") as file:
        assert len(pages(Scan("letter", file.read()))) == 2


def test_a_page_that_claims_to_be_smaller_than_a_card_is_not_kept_so_small(tmp_path):
    """Its print was lost: 1200 dpi stood in a file that had been taken at 300."""
    path = tmp_path / "page.png"
    Image.new("L", (1654, 2339), 250).save(path, dpi=(1200, 1200))
    (page,) = pages(path)
    assert size(page) == (1654, 2339)
    assert page.guessed


def test_a_scan_in_a_pdf_keeps_the_resolution_of_its_picture(tmp_path):
    path = tmp_path / "scan.pdf"
    draw_page(1, 100).save(path, resolution=100)
    (page,) = pages(path)
    assert page.dpi == pytest.approx(100, abs=1)


def test_a_poster_is_kept_coarser_and_a_field_is_refused(tmp_path):
    path = tmp_path / "poster.pdf"
    with pymupdf.open() as document:
        document.new_page(width=2384, height=3370)
        document.save(path)
    (page,) = pages(path)
    assert page.width * page.height <= 1.01 * WORKING_PIXELS_MAX
    assert 140 < page.dpi < 160
    with pymupdf.open() as document:
        document.new_page(width=14_000, height=14_000)
        document.save(path)
    assert refusal(path).code == Code.BAD_FILE


# --- refused --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"Sehr geehrte Damen und Herren", b"GIF89a" + bytes(100), b"\x7fELF" + bytes(100), b"PK\x03\x04"]
)
def test_what_is_no_picture_is_refused(tmp_path, content):
    path = tmp_path / "brief.docx"
    path.write_bytes(content)
    told = refusal(path)
    assert told.code == Code.BAD_FILE
    assert "brief.docx" in told.what
    assert "PDF" in told.remedy


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "leer.jpg"
    path.touch()
    assert "0 bytes" in refusal(path).what


def test_a_folder_a_pipe_and_a_name_without_a_file_are_refused(tmp_path):
    assert "folder" in refusal(tmp_path).what
    assert "no file" in refusal(tmp_path / "fehlt.pdf").what
    os.mkfifo(tmp_path / "pipe")
    assert "ordinary" in refusal(tmp_path / "pipe").what
    assert "cannot be read" in refusal(tmp_path / ("x" * 300)).what


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
def test_a_truncated_picture_is_refused(tmp_path, kind, share):
    path = tmp_path / "scan"
    draw_page(1, 60).save(path, kind)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    told = refusal(path)
    assert told.code == Code.BAD_FILE
    assert "incomplete" in told.what or "neither" in told.what


def test_a_tiff_that_breaks_off_says_so_in_our_words_alone(tmp_path, recwarn):
    path = tmp_path / "scan.tif"
    draw_page(1, 60).save(path, save_all=True, append_images=[draw_page(2, 60)], compression="tiff_lzw")
    whole = path.read_bytes()
    for share in (0.3, 0.5, 0.7, 0.9):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(Refused):
            source.count(path)
    assert not list(recwarn)


@pytest.mark.parametrize("save", [{}, {"garbage": 4, "deflate": True}, {"use_objstms": 1}])
@pytest.mark.parametrize("share", [0.05, 0.4, 0.8, 0.97])
def test_a_truncated_pdf_is_refused_and_not_mended(tmp_path, save, share):
    path = pdf(tmp_path, 5, **save)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert "incomplete" in refusal(path).what
    with pytest.raises(Refused, match="incomplete"):
        source.count(path)


@pytest.mark.parametrize("spoilt", ["whole", "truncated", "rubbish"])
def test_a_pdf_whose_jpeg_2000_cannot_be_read_is_refused_and_no_empty_page(tmp_path, spoilt):
    """MuPDF draws the rest of such a page, which is nothing, and goes on."""
    file = io.BytesIO()
    draw_page(1, 60).save(file, "JPEG2000")
    stream = bytearray(file.getvalue())
    if spoilt != "whole":
        stream = stream[: len(stream) // 2] if spoilt == "truncated" else bytearray(500)
    with pymupdf.open() as document:
        page = document.new_page()
        number = page.insert_image(page.rect, pixmap=pymupdf.Pixmap(pymupdf.csRGB, (0, 0, 8, 8)))
        document.update_stream(number, bytes(stream), compress=False)
        for key, value in (("Filter", "/JPXDecode"), ("ColorSpace", "null"), ("Width", "496"), ("Height", "702")):
            document.xref_set_key(number, key, value)
        document.save(tmp_path / "scan.pdf")
    if spoilt == "whole":
        assert pages(tmp_path / "scan.pdf")[0].pixels.min() < 100
    else:
        assert "incomplete" in refusal(tmp_path / "scan.pdf").what


def test_a_pdf_whose_picture_breaks_off_is_refused(tmp_path):
    path = tmp_path / "scan.pdf"
    file = io.BytesIO()
    draw_page(1, 60).save(file, "PDF", resolution=60)
    with pymupdf.open(stream=file.getvalue(), filetype="pdf") as document:
        number = document[0].get_images()[0][0]
        pixels = zlib.compress(bytes(3000))
        for key, value in (("Filter", "/FlateDecode"), ("ColorSpace", "/DeviceRGB"), ("BitsPerComponent", "8")):
            document.xref_set_key(number, key, value)
        document.update_stream(number, pixels[:-8], compress=False)
        document.xref_set_key(number, "Filter", "/FlateDecode")
        document.save(path)
    assert refusal(path).code == Code.BAD_FILE


def test_an_encrypted_pdf_is_refused_and_an_unlocked_one_is_not(tmp_path):
    locked = pdf(tmp_path, 1, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="geheim", owner_pw="geheim")
    assert "password" in refusal(locked).what
    unlocked = pdf(tmp_path, 1, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="", owner_pw="geheim")
    assert len(pages(unlocked)) == 1


@pytest.mark.parametrize(
    ("key", "value", "what", "remedy"),
    [
        ("Collection", "<</Type/Collection/View/T>>", "collection", "one by one"),
        ("NeedsRendering", "true", "form that only Adobe Reader", "Print"),
    ],
)
def test_a_pdf_whose_content_stands_on_no_page_is_refused(tmp_path, key, value, what, remedy):
    path = tmp_path / "antrag.pdf"
    with pymupdf.open() as document:
        document.new_page().insert_text((72, 72), "Please wait, or open this with another program.")
        document.embfile_add("a.pdf", b"%PDF-1.7")
        document.save(tmp_path / "attached.pdf")
        document.xref_set_key(document.pdf_catalog(), key, value)
        document.save(path)
    told = refusal(path)
    assert what in told.what
    assert remedy in told.remedy
    with pytest.raises(Refused, match=what):
        source.count(path)
    assert len(pages(tmp_path / "attached.pdf")) == 1  # an invoice with its figures beside it stands on its pages


@pytest.mark.parametrize("pixels", [(20_000, 20_000), (60_000, 60_000), (12_001, 10_000)])
def test_a_picture_of_hundreds_of_millions_of_pixels_is_refused_before_it_is_decoded(tmp_path, pixels):
    path = tmp_path / "plakat.png"
    path.write_bytes(png_header(*pixels))
    told = refusal(path)
    assert told.code == Code.BAD_FILE  # TOO_LARGE tells the visitor that there are too many sheets
    assert "120 million" in told.what
    assert "300 dpi" in told.remedy


def test_a_huge_picture_inside_a_pdf_is_refused_before_it_is_decoded(tmp_path):
    path = pdf(tmp_path, 1)
    with pymupdf.open(path) as document:
        number = document[0].insert_image((0, 0, 100, 100), pixmap=pymupdf.Pixmap(pymupdf.csGRAY, (0, 0, 8, 8)))
        document.xref_set_key(number, "Width", "20000")
        document.xref_set_key(number, "Height", "20000")
        document.save(tmp_path / "huge.pdf")
    assert refusal(tmp_path / "huge.pdf").code == Code.BAD_FILE


def test_more_than_300_pages_are_refused_from_the_header(tmp_path):
    path = pdf(tmp_path, limits.DOCUMENT_PAGES_MAX + 1)
    with pytest.raises(Refused, match="301 pages") as caught:
        source.count(path)
    assert "several documents" in caught.value.remedy


def test_a_file_of_more_than_400_mb_is_refused_unread(tmp_path):
    path = tmp_path / "film.pdf"
    with path.open("wb") as file:
        file.write(b"%PDF-1.7\n")
        file.truncate(limits.INPUT_BYTES_MAX + 1)
    assert "400 MB" in refusal(path).what


def test_random_damage_never_gets_past_with_another_error(tmp_path):
    generator = np.random.default_rng(7)
    path = tmp_path / "x"
    for kind in ("JPEG", "PNG", "TIFF", "WEBP", "PDF"):
        file = io.BytesIO()
        draw_page(2, 40).save(file, kind)
        whole = np.frombuffer(file.getvalue(), np.uint8)
        for _ in range(40):
            hurt = whole.copy()
            places = generator.integers(0, min(len(hurt), 2000), 6)
            hurt[places] = generator.integers(0, 256, 6)
            path.write_bytes(hurt.tobytes())
            with contextlib.suppress(Refused):
                pages(path)


@pytest.mark.parametrize(
    ("content", "what", "remedy"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(400), "telephone", "JPEG"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + bytes(400), "telephone", "JPEG"),
        (b"GIF89a" + bytes(400), "format that is not read", "JPEG"),
        (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(400), "format that is not read", "JPEG"),
        (b"\xff\x4f\xff\x51" + bytes(400), "format that is not read", "JPEG"),
        (b"PK\x03\x04" + bytes(400), "office program", "PDF"),
    ],
)
def test_what_is_whole_but_not_read_is_called_by_its_name(tmp_path, content, what, remedy):
    path = tmp_path / "brought"
    path.write_bytes(content)
    for brought in (path, Scan("brought", content)):
        with pytest.raises(Refused) as refused:
            source.count(brought)
        assert refused.value.code == Code.BAD_FILE
        assert what in refused.value.what
        assert remedy in refused.value.remedy
