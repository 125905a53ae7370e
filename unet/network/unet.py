"""The U-Net (Ronneberger et al. 2015, arXiv:1505.04597) in the padded, batch-normalised form of the reference.

A contracting path (see `unet.network.contracting`) makes feature maps; the expansive path climbs back through them
with 2x2 transposed convolutions and concatenated skips; a 1x1 convolution makes logits. The reference is
`UNet(in_channels=3, out_channels=1, widths=(64, 128, 256, 512))`: 31,037,633 parameters.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import Tensor, nn

from unet.errors import ConfigError
from unet.network.click_layer import ClickLayer
from unet.network.contracting import ContractingPath, DoubleConv, PlainPath
from unet.network.lite0 import Lite0Path

ENCODERS = ("plain", "lite0")
REFERENCE_WIDTHS = (64, 128, 256, 512)
LITE0_WIDTHS = (16, 32, 48, 96, 160)


class ExpansivePath(nn.Module):
    """From the deepest feature map back to the finest: upsample, concatenate the skip, convolve twice.

    Args:
        contracting: channels of the feature maps, finest first, as the contracting path states them.
        widths: channels of each level of this path, finest first; one fewer than `contracting`.
    """

    def __init__(self, contracting: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        *skips, deepest = contracting
        self.ups, self.convs = nn.ModuleList(), nn.ModuleList()
        for skip, width in zip(reversed(skips), reversed(widths), strict=True):
            self.ups.append(nn.ConvTranspose2d(deepest, width, 2, stride=2))
            self.convs.append(DoubleConv(skip + width, width))
            deepest = width

    def levels(self, features: Sequence[Tensor]) -> Iterator[Tensor]:
        """The map of each level, coarsest first, from the contracting path's maps, finest first."""
        # A predictor may hold this path in another precision than the contracting one.
        dtype = next(self.parameters()).dtype
        *skips, x = (feature.to(dtype) for feature in features)
        for up, conv, skip in zip(self.ups, self.convs, reversed(skips), strict=True):
            # Strides round up, so the doubled map is at most one row or column larger than the skip.
            x = up(x)[..., : skip.shape[-2], : skip.shape[-1]]  # (B, width, h, w)
            x = conv(torch.cat([skip, x], dim=1))  # (B, skip + width, h, w) -> (B, width, h, w)
            yield x

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """(B, widths[0], H, W), the map of the finest level."""
        for finest in self.levels(features):
            x = finest  # holds on to one level at a time
        return x


class UNet(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="pytorch",
    pipeline_tag="image-segmentation",
    tags=["u-net", "foreground-segmentation"],
):
    """A U-Net for pictures of any size; returns logits.

    Args:
        in_channels: channels of the picture.
        out_channels: maps to predict.
        widths: channels of the levels, finest first. `plain`: of both paths, the bottom has twice the last.
            `lite0`: of the expansive path, five of them (`LITE0_WIDTHS`).
        encoder: the contracting path: `plain` (the reference's) or `lite0` (EfficientNet-lite0).
        clicks: whether the network takes click maps (`lite0` only).

    Raises:
        ConfigError: an encoder or widths that do not exist or do not fit.
    """

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 1,
        widths: Sequence[int] = REFERENCE_WIDTHS,
        encoder: str = "plain",
        clicks: bool = False,
    ) -> None:
        super().__init__()
        widths = tuple(widths)
        if not widths or not all(isinstance(w, int) and w > 0 for w in (*widths, in_channels, out_channels)):
            raise ConfigError(
                f"widths and channels must be positive whole numbers, at least one width; "
                f"got widths={list(widths)}, in_channels={in_channels}, out_channels={out_channels}"
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.widths, self.encoder, self.clicks = widths, encoder, clicks
        self.contracting = self._contracting_path()
        self.expansive = ExpansivePath(self.contracting.widths, widths)
        self.head = nn.Conv2d(widths[0], out_channels, 1)
        if clicks:
            self.click_layer = ClickLayer(self.contracting.stem_width, self.contracting.stem_stride)

    def _contracting_path(self) -> ContractingPath:
        if self.encoder == "plain":
            if self.clicks:
                raise ConfigError("the plain encoder takes no clicks; use encoder='lite0'")
            return PlainPath(self.in_channels, self.widths)
        if self.encoder == "lite0":
            if len(self.widths) != len(LITE0_WIDTHS):
                raise ConfigError(
                    f"the lite0 encoder wants {len(LITE0_WIDTHS)} widths, finest first, such as "
                    f"{list(LITE0_WIDTHS)}; got {list(self.widths)}"
                )
            return Lite0Path(self.in_channels)
        raise ConfigError(f"unknown encoder {self.encoder!r}; choose from {', '.join(ENCODERS)}")

    def forward(self, image: Tensor, clicks: Tensor | None = None) -> Tensor:
        """Logits (B, out_channels, H, W) of `image` (B, in_channels, H, W), any H, W >= 1.

        Args:
            image: normalised picture.
            clicks: (B, 2, H, W) in 0..1, maps of foreground and background clicks (`unet.pictures.clicks`), or None.

        Raises:
            ConfigError: clicks are given to a network without click layer.
        """
        return self.head(self.expansive(self.features(image, clicks)))

    def features(self, image: Tensor, clicks: Tensor | None = None) -> list[Tensor]:
        """The contracting path's maps, finest first; arguments and errors as for `forward`."""
        added = None
        if clicks is not None:
            if not self.clicks:
                raise ConfigError("these weights have no click layer and take no clicks")
            added = self.click_layer(clicks)
        return self.contracting(image, added)

    @property
    def init_config(self) -> dict[str, Any]:
        """The constructor's arguments, ready for config.json."""
        return {
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "widths": list(self.widths),
            "encoder": self.encoder,
            "clicks": self.clicks,
        }

    @classmethod
    def _from_pretrained(cls, *, strict: bool = True, **kwargs: Any) -> "UNet":
        """Load strictly: the mixin's own default lets missing weights pass in silence."""
        return super()._from_pretrained(strict=strict, **kwargs)


def with_click_layer(model: UNet) -> UNet:
    """A network that also takes clicks, with the weights of one that does or does not, and equal to it without clicks.

    Raises:
        ConfigError: the encoder takes no clicks.
    """
    if model.clicks:
        return model
    extended = UNet(**{**model.init_config, "clicks": True})
    extended.load_state_dict({**extended.state_dict(), **model.state_dict()})
    assert isinstance(extended.contracting, Lite0Path)
    extended.click_layer.initialise(extended.contracting.stem_norm)
    return extended


def count_parameters(model: nn.Module) -> int:
    """Number of trainable values."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
