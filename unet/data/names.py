"""Names of files and folders: which are pictures, which masks, and which mask belongs to which picture."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# Names of the two subfolders, in lower case and with "_" for "-" and " ".
IMAGE_FOLDERS = {
    *("images", "image", "imgs", "img", "im", "ims", "photos", "photo", "pictures", "picture", "inputs", "input"),
    *("jpegimages", "img_dir"),
}
MASK_FOLDERS = {
    *("masks", "mask", "images_gt", "image_gt", "imgs_gt", "img_gt", "gt", "gts", "groundtruth", "ground_truth"),
    *("labels", "label", "annotations", "annotation", "annots", "annot", "segmentation", "segmentations"),
    *("segmentationclass", "segmentationclasspng", "segmentation_masks", "segmentation_mask", "alpha", "matte"),
    *("ann_dir", "gtfine", "matting", "segmentation_maps", "target", "targets"),
}
PARTS_BY_NAME = {
    **dict.fromkeys(("train", "training", "tr"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "te", "ts"), "test"),
}
_PARTS = "|".join(PARTS_BY_NAME)
_MASK_WORDS = r"masks?|gts?|ground[_-]?truth|labels?|seg|segmentation|annotation|instance"
_MORE_MASK_WORDS = r"matte|alpha|annots?|anno|lesion|labelids|gtfine_labelids|(?:\d?(?:st|nd)?_?)?manual\d?"
_IMAGE_WORDS = r"images?|imgs?|photo|picture|rgb|sat|training|train|test|leftimg8bit"
# Stems of masks that have a suffix: cat_mask.png, cat-gt.png, "cat mask.png", and cat_mask_1.png of a second object.
_SUFFIX = re.compile(rf"(?P<stem>.+?)[_\-. ](?P<word>{_MASK_WORDS})(?:[_\-. ]?\(?(?P<number>\d+)\)?)?", re.IGNORECASE)
_PREFIX = re.compile(rf"(?P<word>{_MASK_WORDS})[_\-. ](?P<stem>.+)", re.IGNORECASE)
_RARE_SUFFIX = re.compile(rf"(?P<stem>.+?)(?P<word>_(?:{_MORE_MASK_WORDS})|(?-i:_L|(?<=[a-z0-9])Mask))", re.IGNORECASE)
_NUMBERED = re.compile(r"(?P<stem>.+?)[_\-. ]\(?(?P<number>\d+)\)?")
_IMAGE_AFFIX = re.compile(
    rf"(?:{_IMAGE_WORDS})[_\-. ](?P<after>.+)|(?P<before>.+?)(?:[_\-. ](?:{_IMAGE_WORDS})|_0000)",  # _0000: nnU-Net
    re.IGNORECASE,
)
_MASK_FOLDER = re.compile(r"(?P<base>.+?)_?(masks?|gts?|labels?|annots?|annotations?|groundtruth|ground_truth|seg)")
_IMAGE_FOLDER = re.compile(r"(?P<base>.+)_(images?|imgs?|im|photos?|pictures?|rgb)")
# Folders of a part: trainset, train2017, DUTS-TE, ISIC-2017_Training_Data; images_train, labelsTr, y_test.
_PART_FOLDER = re.compile(rf"(?:.*_)?(?P<part>{_PARTS})_?(?:set|split|data|dataset)?_?(?:\d{{4}})?")
_MASKS_OF_PART = re.compile(rf"(?:y|masks?|gts?|labels?|annots?|annotations?)_?(?P<part>{_PARTS})")
_IMAGES_OF_PART = re.compile(rf"(?:x|images?|imgs?)_?(?P<part>{_PARTS})")


@dataclass(frozen=True)
class Named:
    """A file and its name within the folder of its kind."""

    key: str  # path below that folder, without the ending: the stem, after the subfolders if there are some
    path: Path

    @property
    def folder(self) -> str:
        """The subfolders, "" without."""
        return self.key.rpartition("/")[0]

    @property
    def stem(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]


def composed(text: str) -> str:
    """`text` in Unicode's composed form: macOS writes names decomposed, other systems do not."""
    return unicodedata.normalize("NFC", text)


def plain(name: str) -> str:
    """A folder's name in lower case, with "_" for "-" and " "."""
    return re.sub("[- ]", "_", name.lower())


def part_of(name: str) -> str | None:
    """train, val or test, if a folder of this name is such a part: valid, DUTS-TE, TrainDataset, train2017."""
    match = _PART_FOLDER.fullmatch(plain(name))
    return PARTS_BY_NAME[match["part"]] if match else None


def mask_base(name: str) -> str | None:
    """What the name of a folder of masks has in common with that of its pictures: "" of masks, train of train_masks."""
    name = plain(name)
    if of_part := _MASKS_OF_PART.fullmatch(name):
        return of_part["part"]
    match = _MASK_FOLDER.fullmatch(name)
    return "" if name in MASK_FOLDERS or name.startswith(("mask_", "masks_", "gt_")) else match and match["base"]


def image_base(name: str) -> str:
    """As `mask_base`, for a folder that is one of pictures if there is one of masks with the same base."""
    name = plain(name)
    match = _IMAGE_FOLDER.fullmatch(name)
    of_part = _IMAGES_OF_PART.fullmatch(name)
    return "" if name in IMAGE_FOLDERS else of_part["part"] if of_part else match["base"] if match else name


def tell_apart(files: Sequence[Named]) -> tuple[list[Named], list[Named]]:
    """Pictures and masks among the files of one folder: masks have a suffix or a prefix, or are the PNGs beside JPEGs.

    gas_mask.jpg is a picture if there is a gas_mask_mask.png, and a mask otherwise.
    """
    stems = {file.key for file in files} | {f"{file.folder}/{file.path.name}".lstrip("/") for file in files}
    bases = {file: _bases(file, stems) for file in files}
    with_mask = {base for found in bases.values() for base in found}
    masks = [file for file in files if bases[file] and file.key not in with_mask]
    if not masks:
        jpeg = {file.key for file in files if file.path.suffix.lower() in (".jpg", ".jpeg", ".jpe", ".jfif")}
        masks = [file for file in files if file.path.suffix.lower() == ".png" and file.key in jpeg]
        others = {file.key for file in files if file.path.suffix.lower() == ".png"} - jpeg
        if others and len(others) >= len(masks):  # PNGs of their own are pictures, too
            masks = []
    chosen = set(masks)
    return [file for file in files if file not in chosen], masks


def _bases(file: Named, stems: set[str]) -> list[str]:
    """Keys of the picture whose mask `file` is by its name, if it is one; a rare suffix needs the picture."""
    found = []
    for pattern, sure in ((_SUFFIX, True), (_PREFIX, False), (_RARE_SUFFIX, False)):
        if match := pattern.fullmatch(file.stem):
            key = f"{file.folder}/{match['stem']}".lstrip("/")
            if sure or key in stems:
                found.append(key)
    return found


def match_masks(
    images: Iterable[Named], masks: Iterable[Named]
) -> tuple[dict[str, list[Named]], dict[str, list[tuple[Named, str]]]]:
    """Pictures by key, and masks by the key of their picture, or by their own, each with what tells it from others.

    Masks of one picture that are told apart by a number or by their subfolder are masks of its objects.
    """
    by_key: dict[str, list[Named]] = defaultdict(list)
    pictures = _Pictures()
    for image in images:
        by_key[image.key].append(image)
        pictures.add(image)
    found: dict[str, list[tuple[Named, str]]] = defaultdict(list)
    for mask in masks:
        key, instance = _picture_of(mask, pictures)
        found[key].append((mask, instance))
    return by_key, found


@dataclass
class _Pictures:
    """Keys of pictures by what masks may call them."""

    known: dict[str, str] = field(default_factory=dict)  # by key, and by the path with the ending
    by_stem: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    by_core: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    series: set[str] = field(default_factory=set)  # x of x_1.jpg: x_2_mask.png is then no second object of x.jpg

    def add(self, image: Named) -> None:
        self.known[image.key] = self.known[f"{image.folder}/{composed(image.path.name)}".lstrip("/")] = image.key
        self.by_stem[image.stem].add(image.key)
        self.by_core[_core(image.stem)].add(image.key)
        if match := _NUMBERED.fullmatch(image.stem):
            self.series.add(match["stem"])


def _picture_of(mask: Named, pictures: _Pictures) -> tuple[str, str]:
    """The key of the mask's picture, or the mask's own, and the object's number or subfolder, if names tell one."""
    stems = [(mask.stem, "")]
    known, by_stem, by_core = pictures.known, pictures.by_stem, pictures.by_core
    for pattern in (_SUFFIX, _PREFIX, _RARE_SUFFIX, _NUMBERED):
        if match := pattern.fullmatch(mask.stem):
            groups = match.groupdict()
            stems.append((match["stem"], f"{groups.get('word') or ''} {groups.get('number') or ''}"))
            inner = _NUMBERED.fullmatch(match["stem"]) if groups.get("word") and not groups.get("number") else None
            if inner and inner["stem"] not in pictures.series:
                stems.append((inner["stem"], f"{match['word']} {inner['number']}"))  # cat_1_mask.png
    for stem, instance in stems:
        key = f"{mask.folder}/{stem}".lstrip("/")
        if key in known:
            return known[key], instance
    if mask.folder in known:  # a folder of masks for each picture
        return known[mask.folder], f"{mask.stem}|" if re.search(r"\d", mask.stem) else ""
    for stem, instance in stems:  # pictures in other subfolders than their masks
        if len(by_stem.get(stem, ())) == 1:
            return next(iter(by_stem[stem])), f"{mask.folder}|{instance}"
    for stem, _ in stems[:-1] if stems[-1][1].startswith(" ") else stems:
        if len(by_core.get(stem, ())) == 1:
            return next(iter(by_core[stem])), ""
    return mask.key, ""


def are_objects(instances: Sequence[str]) -> bool:
    """Whether several masks of one picture differ by their number or subfolder alone, as those of several objects."""
    words = {instance.rpartition("|")[2].rpartition(" ")[0] for instance in instances}
    return len(instances) > 1 and len(set(instances)) == len(instances) and len(words) == 1 and "" not in instances


def _core(stem: str) -> str:
    """A picture's stem without a word that says it is a picture: 21 of 21_training, 001 of img_001."""
    match = _IMAGE_AFFIX.fullmatch(stem)
    return (match["after"] or match["before"]) if match else stem


def short_keys(named: Sequence[Named]) -> dict[str, str]:
    """Stems for the keys, which keep their subfolders only where stems alone would coincide."""
    keys = sorted({name.key for name in named})
    stems = {key.rpartition("/")[2] for key in keys}
    return {key: key.rpartition("/")[2] if len(stems) == len(keys) else key for key in keys}
