"""What lies in a data folder instead of pictures and masks: annotations of label tools, Git LFS pointers, stacks."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from unet.pictures.decode import DECODING_ERRORS

_POINTER = b"version https://git-lfs.github.com/spec/"
_HEAD = 4096  # bytes of an XML file that tell its kind
_MAX_JSON = 50_000_000  # bytes of a JSON file that is looked into
_LOOKED_AT = 20  # annotation files
_ENDINGS = (".json", ".jsonl", ".ndjson", ".xml", ".txt")
_JSON_LINES = ("annotations", "data_row", "labels", "mask")  # keys of a line
_EXPORTS = {
    "labelme": "labelme's annotations, JSON with polygons; `labelme_export_json FILE` or labelme2voc.py makes masks "
    "of them (in SegmentationClassPNG/)",
    "coco": "annotations in COCO's JSON; export masks from the label tool, or draw them with pycocotools' annToMask",
    "cvat": "annotations of CVAT, XML with polygons; export the task as 'Segmentation mask 1.1'",
    "voc": "annotations of boxes in PASCAL VOC's XML, which have no masks; draw masks in a label tool",
    "via": "annotations of the VGG Image Annotator (VIA), JSON with polygons; draw them as masks (PNG), or import them "
    "into a label tool that exports masks",
    "label studio": "annotations of Label Studio in JSON; export them as 'Brush labels to PNG'",
    "json": "annotations in JSON, which are no masks; export masks (PNG) from the label tool",
    "yolo": "annotations in YOLO's text files, which are no masks; export masks (PNG) from the label tool",
}


def is_pointer(path: Path) -> bool:
    """Whether a file is a pointer of Git LFS."""
    try:
        with open(path, "rb") as file:
            return file.read(len(_POINTER)) == _POINTER
    except OSError:  # reported where the file is read
        return False


def describe_annotations(root: Path, stems: Iterable[str]) -> str | None:
    """What annotations lie below `root`, and how they become masks; None if there are none of pictures of `stems`."""
    wanted = {stem.rpartition("/")[2] for stem in stems}
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in _ENDINGS)
    files.sort(key=lambda path: not _is_of(path, wanted))
    for path in files[:_LOOKED_AT]:
        kind = _kind(path, _is_of(path, wanted))
        if kind:
            return f"{path.relative_to(root).as_posix()} holds {_EXPORTS[kind]}"
    return None


def _is_of(path: Path, stems: set[str]) -> bool:
    """Whether a file has the stem or the whole name of a picture: cat.json, cat.jpg.json."""
    return path.stem in stems or Path(path.stem).stem in stems


def _kind(path: Path, of_picture: bool) -> str | None:
    """The kind of an annotation file; `of_picture`: whether it has the stem of a picture."""
    try:
        if path.suffix.lower() == ".txt":
            words = path.read_text(encoding="utf-8").split()[:5]
            return "yolo" if of_picture and len(words) == 5 and all(map(_is_number, words)) else None
        if path.suffix.lower() == ".xml":
            head = path.read_bytes()[:_HEAD]
            return "cvat" if b"<annotations>" in head else "voc" if b"<annotation" in head else None
        if path.suffix.lower() in (".jsonl", ".ndjson") and not of_picture:
            with open(path, encoding="utf-8") as lines:
                line = lines.readline(_HEAD)
            return "json" if any(f'"{word}"' in line for word in _JSON_LINES) else None
        if path.stat().st_size > _MAX_JSON:
            return "json"
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return "json" if of_picture and path.suffix.lower() == ".json" else None
    if isinstance(content, dict) and "shapes" in content:
        return "labelme"
    if isinstance(content, dict) and {"images", "annotations"} <= content.keys():
        return "coco"
    if isinstance(content, dict) and ("_via_img_metadata" in content or _holds(content.values(), "regions")):
        return "via"
    if isinstance(content, list) and (_holds(content, "annotations") or _holds(content, "completions")):
        return "label studio"
    return "json" if of_picture else None


def _holds(items: Iterable[object], key: str) -> bool:
    """Whether the first of the items is an object with that key."""
    first = next(iter(items), None)
    return isinstance(first, dict) and key in first


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def pages_of_one_size(tiff: BinaryIO) -> int:
    """The number of pages of a TIFF that have the size of the first: more than one in a stack."""
    try:
        tiff.seek(0)
        with Image.open(tiff, formats=("TIFF",)) as file:
            size, pages = file.size, 1
            for page in range(1, getattr(file, "n_frames", 1)):
                file.seek(page)
                pages += file.size == size
            return pages
    except DECODING_ERRORS:  # reported where the file is decoded
        return 1
