"""Data folders as data sets and label tools lay them out: files by path, and the pairs that are meant."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from generated import draw_pair
from PIL import Image

NAMES = ("a1", "b2", "c3", "d4")


def write_pictures(root: Path, paths: list[str], **options: object) -> None:
    """Write a picture at each path, each another."""
    for seed, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        kind = {"jfif": "JPEG", "jpe": "JPEG", "jfi": "JPEG", "dib": "BMP", "pgm": "PPM"}.get(path.rpartition(".")[2])
        Image.fromarray(_scene(seed)).save(root / path, kind, **options)


def _scene(seed: int) -> np.ndarray:
    """A picture unlike the others."""
    rgb = draw_pair(seed)[0].astype(int) + np.random.default_rng(seed).integers(0, 120, (1, 1, 3))
    rgb[: 10 + 3 * seed % 30] //= 1 + seed % 3
    return np.clip(rgb, 0, 255).astype(np.uint8)


def write_masks(root: Path, paths: list[str]) -> None:
    """Write a mask of 0 and 255 at each path, that of the picture with the same place in its list."""
    for seed, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw_pair(seed)[1]).save(root / path)


def each(template: str, names: tuple[str, ...] = NAMES) -> list[str]:
    """The paths of all names."""
    return [template.format(name) for name in names]


# Pictures and masks by their paths, in the order of the pairs.
LAYOUTS: dict[str, tuple[list[str], list[str]]] = {
    "im, gt": (each("im/{}.jpg"), each("gt/{}.png")),
    "DUTS-TR-Image, DUTS-TR-Mask": (each("DUTS-TR/DUTS-TR-Image/{}.jpg"), each("DUTS-TR/DUTS-TR-Mask/{}.png")),
    "my_images, my_masks": (each("my_images/{}.jpg"), each("my_masks/{}.png")),
    "train, train_masks": (each("train/{}.jpg"), each("train_masks/{}_mask.gif")),
    "photos of one name, with labels": (each("street/{}.jpg"), each("street_labels/{}.png")),
    "VOC": (each("VOC2012/JPEGImages/{}.jpg"), each("VOC2012/SegmentationClass/{}.png")),
    "suffix": (each("{}.jpg"), each("{}_mask.png")),
    "suffix of mattes": (each("{}.jpg"), each("{}_matte.png")),
    "prefix": (each("{}.jpg"), each("mask_{}.png")),
    "prefix gt": (each("data/{}.jpg"), each("data/gt_{}.png")),
    "double suffix": (each("img/{}.jpg"), each("masks/{}.jpg.png")),
    "double suffix in one folder": (each("{}.jpg"), each("{}.jpg_mask.png")),
    "deeper": (each("download/v2/images/{}.png"), each("download/v2/masks/{}.png")),
    "by class": (each("images/{}/001.jpg"), each("masks/{}/001.png")),
    "by class, side by side": (each("{}/x.jpg"), each("{}/x_mask.png")),
    "masks by class": (each("images/{}.jpg"), ["masks/0/a1.png", "masks/1/b2.png", "masks/0/c3.png", "masks/1/d4.png"]),
    "one class, as Keras wants it": (each("images/0/{}.jpg"), each("masks/0/{}.png")),
    "same names": (each("Imgs/{}.jpg"), each("Imgs/{}.png")),
    "rare endings": (
        ["images/a.jfif", "images/b.jpe", "images/c.ppm", "images/d.dib"],
        each("masks/{}.png", ("a", "b", "c", "d")),
    ),
    "one of two folders is of masks": (
        each("ISIC_Task1-2_Input/{}.jpg"),
        each("ISIC_Task1_GroundTruth/{}_segmentation.png"),
    ),
    "masks_human": (each("ds/img/{}.jpg"), each("ds/masks_human/{}.png")),
    "satellite": (each("{}_sat.jpg"), each("{}_mask.png")),
    "numbers after words": (each("images/img_{}.jpg"), each("masks/mask_{}.png")),
    "Cityscapes": (
        each("leftImg8bit/train/ulm/{}_leftImg8bit.png"),
        each("gtFine/train/ulm/{}_gtFine_labelIds.png"),
    ),
    "nnU-Net": (each("imagesTr/{}_0000.png"), each("labelsTr/{}.png")),
    "CamVid's own names": (each("{}.png"), each("{}_L.png")),
    "a capital tells the suffix": (each("set/{}.jpeg"), each("set/{}Mask.png")),
    "targets": (each("Input/{}.png"), each("Target/{}.png")),
    "KITTI": (each("image_2/{}.png"), each("gt_image_2/{}.png")),
    "a folder for each picture's mask": (each("images/{}.jpg"), each("masks/{}/drawn.png")),
}

# Given splits: the folders of each part.
SPLITS: dict[str, tuple[str, str, dict[str, str]]] = {
    "outside": (
        "{part}/images/{name}.jpg",
        "{part}/masks/{name}.png",
        {"train": "train", "val": "val", "test": "test"},
    ),
    "Roboflow": ("{part}/{name}.jpg", "{part}/{name}_mask.png", {"train": "train", "val": "valid", "test": "test"}),
    "inside": ("images/{part}/{name}.jpg", "masks/{part}/{name}.png", {"train": "training", "val": "validation"}),
    "CamVid": ("{part}/{name}.png", "{part}_labels/{name}.png", {"train": "train", "val": "val", "test": "test"}),
    "SegNet": ("{part}/{name}.png", "{part}annot/{name}.png", {"train": "train", "val": "val", "test": "test"}),
    "mmsegmentation": (
        "img_dir/{part}/{name}.jpg",
        "ann_dir/{part}/{name}.png",
        {"train": "train", "val": "val", "test": "test"},
    ),
    "years": ("images/{part}/{name}.jpg", "masks/{part}/{name}.png", {"train": "train2017", "val": "val2017"}),
    "polyps": ("{part}/image/{name}.png", "{part}/mask/{name}.png", {"train": "TrainDataset", "test": "TestDataset"}),
    "sets": ("{part}/{name}.jpg", "{part}/{name}_mask.png", {"train": "trainset", "val": "valset", "test": "test_set"}),
    "kind first": ("images_{part}/{name}.jpg", "masks_{part}/{name}.png", {"train": "train", "val": "dev"}),
    "X and y": ("X_{part}/{name}.png", "y_{part}/{name}.png", {"train": "train", "test": "test"}),
    "deeper": ("set/{part}/img/{name}.jpg", "set/{part}/gt/{name}.png", {"train": "train", "test": "test"}),
}


def labelme(root: Path) -> None:
    write_pictures(root, each("{}.jpg"))
    for name in NAMES:
        content = {"version": "5.0", "shapes": [{"points": [[1, 2], [3, 4]]}], "imagePath": f"{name}.jpg"}
        (root / f"{name}.json").write_text(json.dumps(content))


def coco(root: Path) -> None:
    write_pictures(root, each("images/{}.jpg"))
    (root / "annotations").mkdir()
    content = {"images": [], "annotations": [], "categories": []}
    (root / "annotations/instances_default.json").write_text(json.dumps(content))


def of_each_file(root: Path) -> None:
    write_pictures(root, each("img/{}.jpg"))
    (root / "ann").mkdir()
    for name in NAMES:
        (root / f"ann/{name}.jpg.json").write_text('{"objects": [{"bitmap": {"data": ""}}], "tags": []}')


def in_one_file(name: str, content: object) -> Callable[[Path], None]:
    """Pictures beside one file of annotations: JSON, or text as it is."""

    def make(root: Path) -> None:
        write_pictures(root, each("images/{}.jpg"))
        (root / name).write_text(content if isinstance(content, str) else json.dumps(content))

    return make


VIA_REGIONS = {"a1.jpg2048": {"filename": "a1.jpg", "regions": [{"shape_attributes": {"name": "polygon"}}]}}
TASKS = [{"id": 1, "annotations": [{"result": []}], "data": {"image": "/data/upload/a1.jpg"}}]


def cvat(root: Path) -> None:
    write_pictures(root, each("images/{}.jpg"))
    (root / "annotations.xml").write_text('<?xml version="1.0"?>\n<annotations><image name="a1.jpg"/></annotations>')


def pointers(root: Path) -> None:
    for path in [*each("images/{}.jpg"), *each("masks/{}.png")]:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 9\n")


def stacks(root: Path) -> None:
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
        pages = [Image.fromarray(draw_pair(seed)[folder == "masks"]) for seed in range(3)]
        pages[0].save(root / folder / "slices.tif", save_all=True, append_images=pages[1:])


def retina(root: Path, drawn: str = "1st_manual") -> None:
    write_pictures(root, each("training/images/{}_training.tif"))
    write_masks(root, each(f"training/{drawn}/{{}}_manual1.gif"))
    for name in each("training/mask/{}_training_mask.gif"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (56, 40), 255).save(root / name)


def label_studio(root: Path) -> None:
    write_pictures(root, each("images/0fa0c09b-{}.jpg"))
    write_masks(root, each("masks/task-{}-annotation-1-by-1-tag-object-0.png", ("3", "4", "5", "6")))


# What is refused: words of the refusal.
REFUSED: dict[str, tuple[Callable[[Path], None], list[str]]] = {
    "labelme": (labelme, ["labelme", "JSON", "masks"]),
    "COCO": (coco, ["COCO", "JSON", "annToMask"]),
    "VIA": (in_one_file("via_region_data.json", VIA_REGIONS), ["VIA", "JSON", "masks"]),
    "VIA's project": (
        in_one_file("images/vessels.json", {"_via_settings": {}, "_via_img_metadata": VIA_REGIONS}),
        ["VIA"],
    ),
    "Label Studio's JSON": (in_one_file("project-3.json", TASKS), ["Label Studio", "Brush labels to PNG"]),
    "Labelbox": (in_one_file("export.ndjson", '{"data_row": {"external_id": "a1.jpg"}}\n'), ["export.ndjson", "JSON"]),
    "JSON of each file": (of_each_file, ["ann/a1.jpg.json", "JSON", "export masks"]),
    "CVAT": (cvat, ["CVAT", "Segmentation mask 1.1"]),
    "Git LFS": (pointers, ["8 pointers of Git LFS", "git lfs pull"]),
    "stacks": (stacks, ["stack of several pages", "slices.tif (3 pages)"]),
    "DRIVE": (retina, ["1st_manual", "mask/", "--masks"]),
    "retina with vessels": (lambda root: retina(root, "vessels"), ["vessels", "mask/", "--masks"]),
    "HRF": (lambda root: retina(root, "manual1"), ["manual1", "mask/", "--masks"]),
    "Label Studio": (label_studio, ["task-3-annotation-1-by-1-tag-object-0.png", "0fa0c09b-a1.jpg"]),
}
