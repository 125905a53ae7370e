"""The old module names, which published model cards import."""

import importlib
import sys

import pytest

from unet import mask_from_prob, read_picture, save_png


@pytest.mark.parametrize(
    ("module", "functions"),
    [
        ("unet.images", {"read_picture": read_picture}),
        ("unet.drawing", {"mask_from_prob": mask_from_prob, "save_png": save_png}),
    ],
)
def test_an_old_module_warns_and_has_the_same_functions(module, functions):
    sys.modules.pop(module, None)
    with pytest.warns(DeprecationWarning, match=f"{module} is deprecated: use `from unet import"):
        old = importlib.import_module(module)
    assert {name: getattr(old, name) for name in functions} == functions
