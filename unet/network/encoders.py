"""The interface of a contracting path, and the registry of those there are.

A contracting path maps a picture (B, C, H, W) to feature maps, finest first. It says beforehand what they will
be: `widths[i]` channels at one `strides[i]`-th of the picture's height and width, rounded up. The expansive path
is built from the widths alone (`unet.network.unet.ExpansivePath`). A new encoder is a file with a `ContractingPath`
and a line in `ENCODERS`.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import ClassVar

from torch import Tensor, nn

from unet.errors import ConfigError
from unet.network.folding import fold_sequences

ENCODERS = {"plain": "unet.network.plain.PlainPath", "lite0": "unet.network.lite0.Lite0Path"}


class ContractingPath(nn.Module):
    """Interface of every contracting path.

    Args:
        in_channels: Channels of the picture.
        widths: Channels of the expansive path's levels, finest first; only a path of variable shape needs them.
    """

    default_widths: ClassVar[tuple[int, ...]]  # of the expansive path's levels, finest first, unless others are chosen
    description: ClassVar[str]  # what the path is, for the model card: "a U-Net with `description`"
    imagenet: ClassVar[str] = ""
    """Where the weights that `pretrained` loads come from, a sentence for the model card; empty if there are none."""
    takes_clicks: ClassVar[bool] = False
    """Whether `forward` accepts click features; if so, `stem_width`, `stem_stride` and `stem_norm` are defined."""
    keeps_float32: ClassVar[bool] = False
    """Whether the path stays in float32 on CPUs when the rest of the network computes in bfloat16."""

    widths: tuple[int, ...]  # channels of each feature map, finest first
    strides: tuple[int, ...]  # how many picture pixels a feature pixel spans, finest first; each double the one before
    stem_width: int  # channels of the first layer's output, to which click features are added
    stem_stride: int  # stride of the first layer

    def __init__(self, in_channels: int, widths: Sequence[int]) -> None:
        super().__init__()

    @property
    def stem_norm(self) -> nn.BatchNorm2d:
        """The BatchNorm behind the sum of the first layer's output and click features."""
        raise NotImplementedError

    def forward(self, image: Tensor, clicks: Tensor | None = None) -> list[Tensor]:
        """Feature maps of `image` (B, C, H, W); `clicks` is added to the first layer's output if given."""
        raise NotImplementedError

    def pretrained(self) -> None:
        """Load ImageNet weights, if there are any for this path.

        Raises:
            ConfigError: The package that carries them is not installed.
        """

    def fold(self) -> Tensor | None:
        """Fold every BatchNorm into the convolution before it, in place; the path is in evaluation mode.

        Returns:
            (stem_width,), the factors by which click features have to be scaled from now on; None if they do not.
        """
        fold_sequences(self)
        return None


def encoder_class(name: str) -> type[ContractingPath]:
    """The contracting path registered as `name`.

    Raises:
        ConfigError: There is none of this name.
    """
    if name not in list(ENCODERS):
        raise ConfigError(f"unknown encoder {name!r}; choose from {', '.join(ENCODERS)}")
    module, _, attribute = ENCODERS[name].rpartition(".")
    found: type[ContractingPath] = getattr(import_module(module), attribute)
    return found
