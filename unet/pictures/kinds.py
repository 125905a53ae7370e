"""What a file is, told by its first bytes; the endings under which picture files go."""

import struct
import zlib

from PIL import Image

# Pillow reads more formats; some start other programs, contain documents, or decode pixels with the header (ICO).
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "DIB", "TIFF", "AVIF", "HEIF", "PPM")
# The endings that count in folders, uploads and datasets; what a file holds is told by its content.
PICTURE_SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".jfi", ".mpo", ".png", ".apng", ".gif", ".webp", ".bmp", ".dib"),
        *(".tif", ".tiff", ".avif", ".heic", ".heif", ".hif", ".ppm", ".pgm", ".pbm", ".pnm"),
    )
)
# Errors that Pillow and pillow-heif raise for damaged files, and the readers of this folder.
DECODING_ERRORS = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, MemoryError, RuntimeError),
    *(AttributeError, AssertionError, struct.error, zlib.error, Image.DecompressionBombError),
)

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_STILL_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"msf1", b"hevc", b"hevx")
# Cameras' raw files that are no TIFF, or no TIFF by their fourth byte: offset, bytes, kind.
_RAW_HEADS = (
    (0, b"IIRO", "ORF"),
    (0, b"IIRS", "ORF"),
    (0, b"MMOR", "ORF"),
    (0, b"IIU\0", "RW2"),
    (0, b"FUJIFILMCCD-RAW", "RAF"),
    (0, b"FOVb", "X3F"),
    (0, b"\0MRM", "MRW"),
    (4, b"ftypcrx ", "CR3"),
    (6, b"HEAPCCDR", "CRW"),
    (8, b"CR\2", "CR2"),
    (8, b"IIIITwaR", "IIQ"),
    (8, b"MMMMRawT", "IIQ"),
)


def raw_refusal(kind: str) -> str:
    """Words for a camera's raw file of `kind` (its usual ending, such as NEF)."""
    return f"a camera's raw file ({kind}); develop it, or export it as JPEG, with the camera's software first"


def is_tiff(head: bytes) -> bool:
    """Whether a file that starts with `head` is a TIFF, or a raw file in the form of one."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def raw_kind(head: bytes) -> str | None:
    """The kind of a camera's raw file that is told by its first bytes alone; None for all others."""
    return next((kind for offset, mark, kind in _RAW_HEADS if head[offset:].startswith(mark)), None)


def foreign_kind(head: bytes) -> str | None:
    """The kind of a file that is not a picture, from its first bytes, if it is a common one."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"%pdf"):
        return "a PDF document"
    if text.startswith((b"<svg", b"<!doctype svg")) or (text.startswith(b"<?xml") and b"<svg" in text):
        return "an SVG drawing, which has no pixels; export it as PNG"
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page, not a picture; save the picture itself"
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the picture itself; `git lfs pull` fetches it"
    if head.startswith(b"8BPS"):
        return "a Photoshop document; export it as PNG"
    if head.startswith((b"\0\0\0\x0cJXL ", b"\xff\x0a")):
        return "a JPEG XL picture, which is not read; export it as PNG"
    video = head[4:8] == b"ftyp" and head[8:12] not in _STILL_BRANDS
    if video or head.startswith((b"\x1aE\xdf\xa3", b"OggS", b"FLV")) or head[8:12] == b"AVI ":
        return "a video; save one of its frames as a picture"
    return None
