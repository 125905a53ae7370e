"""Datasets as the Hub has them: rows of pictures and masks in Parquet files."""

from io import BytesIO
from pathlib import Path

import datasets
import numpy as np
from generated import draw_pair
from PIL import Image


def png(array: np.ndarray, **options: int) -> dict[str, bytes]:
    buffer = BytesIO()
    Image.fromarray(array).save(buffer, "PNG", **options)
    return {"bytes": buffer.getvalue(), "path": None}


def write_dataset(folder: Path, rows: list[dict], columns: tuple[str, str] = ("image", "mask")) -> Path:
    features = datasets.Features({column: datasets.Image() for column in columns if column in rows[0]})
    folder.mkdir(parents=True, exist_ok=True)
    datasets.Dataset.from_list(rows, features=features).to_parquet(str(folder / "train.parquet"))
    return folder


def drawn_rows(count: int) -> list[dict]:
    return [dict(zip(("image", "mask"), map(png, draw_pair(seed)), strict=True)) for seed in range(count)]
