"""What the networks are compared with: fixed shapes, `cv2.grabCut`, and rembg's u2net models as ONNX files."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

Segment = Callable[[np.ndarray], np.ndarray]  # (H, W, 3) uint8 -> prob8 (H, W) uint8

U2NET_SIZE = 320
_MEAN, _STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def all_foreground(rgb: np.ndarray) -> np.ndarray:
    """Every pixel."""
    return np.full(rgb.shape[:2], 255, dtype=np.uint8)


def centred_ellipse(rgb: np.ndarray) -> np.ndarray:
    """The ellipse in the middle with half the picture's width and height."""
    height, width = rgb.shape[:2]
    rows, columns = np.ogrid[:height, :width]
    inside = ((rows + 0.5) / height - 0.5) ** 2 + ((columns + 0.5) / width - 0.5) ** 2 <= 0.25**2
    return np.where(inside, 255, 0).astype(np.uint8)


def grabcut_box(rgb: np.ndarray) -> np.ndarray:
    """`cv2.grabCut` (Rother et al. 2004), 5 iterations, from a box 10 % inside the picture's border."""
    height, width = rgb.shape[:2]
    mask = np.zeros((height, width), dtype=np.uint8)
    box = (width // 10, height // 10, width - 2 * (width // 10), height - 2 * (height // 10))
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(np.ascontiguousarray(rgb[..., ::-1]), mask, box, *models, 5, cv2.GC_INIT_WITH_RECT)
    return np.where((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD), 255, 0).astype(np.uint8)


class U2Net:
    """One of rembg's models (Qin et al. 2020, arXiv:2005.09007), prepared and read out as rembg does.

    Args:
        path: u2net.onnx or u2netp.onnx.
    """

    def __init__(self, path: Path) -> None:
        import onnxruntime

        self._session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 -> (H, W) uint8; the model's output is stretched to its own minimum and maximum."""
        small = Image.fromarray(rgb).resize((U2NET_SIZE, U2NET_SIZE), Image.Resampling.LANCZOS)
        values = np.asarray(small, dtype=np.float64)
        values = (values / max(values.max(), 1e-6) - _MEAN) / _STD
        x = values.transpose(2, 0, 1)[None].astype(np.float32)  # (1, 3, 320, 320)
        out = self._session.run(None, {self._input: x})[0][0, 0]  # (320, 320)
        out = (out - out.min()) / max(out.max() - out.min(), 1e-6)
        mask = Image.fromarray((out * 255).astype(np.uint8))
        return np.asarray(mask.resize((rgb.shape[1], rgb.shape[0]), Image.Resampling.LANCZOS))
