"""What a client may send to the server: uploads, pictures inside a request, public addresses; nothing else.

Gradio accepts files in several forms and in any input. Here each of them becomes a file in the upload cache, within
the limits, before any component sees it; every error is one sentence that names no path of the server.
"""

import asyncio
import base64
import binascii
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from anyio import to_thread
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unet.errors import ImageError
from unet.pictures.decode import MAX_BYTES
from unet.web.batch import MAX_PICTURES
from unet.web.cache import STATES
from unet.web.components import Upload, Uploads, as_files
from unet.web.errors import gradio_errors
from unet.web.fetch import fetch
from unet.web.gradio_compat import API_PREFIX, GatedBlocks, get_upload_folder
from unet.web.names import safe_stem
from unet.web.viewer import Viewer

# A picture of MAX_BYTES in base64 and the rest of the request.
MAX_REQUEST = MAX_BYTES * 4 // 3 + 2**20
MAX_UPLOAD = 2**31  # bytes in one upload request, all files together
ADMISSION_SECONDS = 60.0  # for all files of one request
VIEWER_FILES = 6  # picture, probability map, colours, transparency, upload and labels


class Page(GatedBlocks):
    """Blocks that admit only files from the upload cache, and store all others there."""

    states = STATES  # visitors whose probabilities are kept

    async def gate(self, components: Sequence[Any], values: list[Any]) -> list[Any]:
        """`values` with every file in the upload cache; refusals are `gr.Error`."""
        admitted = list(values)
        with gradio_errors():
            try:
                async with asyncio.timeout(ADMISSION_SECONDS):
                    room = Room()
                    for index, (component, value) in enumerate(zip(components, values, strict=False)):
                        files = as_files(value) if isinstance(component, Upload | Uploads) else value
                        check_count(files, most_files(component))
                        admitted[index] = await admit(files, room)
            except TimeoutError as error:
                raise ImageError(
                    f"the pictures' addresses took more than {ADMISSION_SECONDS:g} s; upload the pictures"
                ) from error
        return admitted


def most_files(block: Any) -> int:
    """How many files the value of an input may name."""
    if isinstance(block, Uploads):
        return MAX_PICTURES
    return VIEWER_FILES if isinstance(block, Viewer) else 1


def check_count(value: Any, most: int) -> None:
    """Refuse a value that names more than `most` files, before the first of them is fetched.

    Raises:
        ImageError: The value names more.
    """
    count = _count_files(value)
    if count > most:
        raise ImageError(f"{count} pictures are too many at once; the limit is {most}")


def _count_files(value: Any) -> int:
    if isinstance(value, list | tuple):
        return sum(map(_count_files, value))
    if not isinstance(value, dict):
        return 0
    return sum(map(_count_files, value.values())) if _source(value) is None else 1


def _source(value: dict[str, Any]) -> str | None:
    """The path or address of the file that `value` stands for; None if it is not a file."""
    source = next((s for s in (value.get("path"), value.get("url")) if s and isinstance(s, str)), None)
    return source if value.get("path") or "meta" in value else None


class Room:
    """What the web addresses of one request may still hold."""

    def __init__(self) -> None:
        self._left = MAX_UPLOAD

    def take(self, count: int) -> None:
        """Take `count` bytes.

        Raises:
            ImageError: So many are not left.
        """
        self._left -= count
        if self._left < 0:
            raise ImageError(f"the pictures' addresses hold more than {MAX_UPLOAD // 2**20} MB, which is the limit")


async def admit(value: Any, room: Room) -> Any:
    """`value` with every file in it, however it was sent, moved into the upload cache.

    Raises:
        ImageError: A file is too large, lies outside the cache, or its address may not be fetched.
    """
    if isinstance(value, list | tuple):
        return [await admit(item, room) for item in value]
    if not isinstance(value, dict):
        return value
    source = _source(value)
    if source is None:
        return {key: await admit(item, room) for key, item in value.items()}
    path = await _store_source(source, value.get("orig_name"), room)
    return {**value, "path": str(path), "url": None}


async def _store_source(source: str, name: Any, room: Room) -> Path:
    """The file in the upload cache for `source`: the path of an upload, a data URL or a web address."""
    if source.startswith("data:"):
        return await to_thread.run_sync(lambda: _store(_decode_data_url(source), name))
    if urlsplit(source).scheme in {"http", "https"}:
        own = f"{API_PREFIX}/file="
        if own in source and (path := _cached(unquote(source.split(own, 1)[1]))):
            return path  # an upload to this very server, named by its address
        content = await fetch(source)
        room.take(len(content))
        return await to_thread.run_sync(lambda: _store(content, name or urlsplit(source).path))
    if path := _cached(source):
        return path
    raise ImageError("this file is not, or no longer, on the server; it must be uploaded again")


def _cached(path: str) -> Path | None:
    """`path` if it is a file inside the upload cache, links resolved."""
    try:
        real = Path(path).resolve(strict=True)
    except (OSError, ValueError):
        return None
    return real if real.is_relative_to(Path(get_upload_folder()).resolve()) and real.is_file() else None


def _decode_data_url(url: str) -> bytes:
    header, _, body = url.partition(",")
    limit = f"the picture is larger than {MAX_BYTES // 2**20} MB, which is the limit"
    if len(body) > MAX_BYTES * 4 // 3 + 4:
        raise ImageError(limit)
    try:
        encoded = body if "%" not in body else unquote(body)
        content = base64.b64decode(encoded) if header.endswith(";base64") else unquote_to_bytes(body)
    except (binascii.Error, ValueError):
        raise ImageError("the picture's data URL is damaged") from None
    if len(content) > MAX_BYTES:
        raise ImageError(limit)
    return content


def _store(content: bytes, name: Any) -> Path:
    file = Path(name).name if isinstance(name, str) else ""
    folder = Path(get_upload_folder()).resolve() / secrets.token_hex(32)
    folder.mkdir(parents=True)
    path = folder / (safe_stem(Path(file).stem) + safe_suffix(file))
    path.write_bytes(content)
    return path


def safe_suffix(file: str) -> str:
    """The suffix of `file` if it is short and alphanumeric, else ""; a file's type is read from its content."""
    suffix = Path(file).suffix
    return suffix.lower() if suffix[1:].isascii() and suffix[1:].isalnum() and len(suffix) <= 6 else ""


class BodyLimit:
    """ASGI middleware that refuses request bodies above the limit before they fill the memory."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413, or let the request through while counting what arrives."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        limit = MAX_UPLOAD if scope["path"].rstrip("/").endswith(f"{API_PREFIX}/upload") else MAX_REQUEST
        headers = {key: value for key, value in scope["headers"] if key == b"content-length"}
        declared = headers.get(b"content-length", b"0")
        too_large = JSONResponse({"detail": f"The request is larger than {limit // 2**20} MB."}, status_code=413)
        if not declared.isdigit() or int(declared) > limit:
            return await too_large(scope, receive, send)
        seen, answered = 0, False

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise _BodyTooLargeError
            return message

        async def watched(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self.app(scope, counted, watched)
        except _BodyTooLargeError:
            if not answered:
                await too_large(scope, receive, send)


class _BodyTooLargeError(Exception):
    """A body without a declared length went past the limit."""
