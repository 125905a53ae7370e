"""The U-Net (Ronneberger et al. 2015, arXiv:1505.04597) in the padded, batch-normalised form of the reference.

A contracting path (see `unet.network.encoders`) makes feature maps; the expansive path climbs back through them
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
from unet.network.encoders import ENCODERS, ContractingPath, encoder_class
from unet.network.plain import REFERENCE_WIDTHS, DoubleConv


class ExpansivePath(nn.Module):
    """From the deepest feature map back to the finest: upsample, concatenate the skip, convolve twice.

    Args:
        contracting: Channels of the feature maps, finest first (`ContractingPath.widths`).
        widths: Channels of each level of this path, finest first; one fewer than `contracting`.
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
        in_channels: Channels of the picture.
        out_channels: Number of maps to predict.
        widths: Channels of the expansive path's levels, finest first; `plain` has the same in its contracting path,
            and twice the last at the bottom.
        encoder: Name of the contracting path (`unet.network.encoders.ENCODERS`).
        clicks: Whether the network takes click maps; only with an encoder that does.

    Raises:
        ConfigError: The encoder does not exist, or the other arguments do not fit it.
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
        kind = encoder_class(self.encoder)
        if self.clicks and not kind.takes_clicks:
            others = " or ".join(repr(name) for name in ENCODERS if encoder_class(name).takes_clicks)
            raise ConfigError(f"the {self.encoder} encoder takes no clicks; use encoder={others}")
        path = kind(self.in_channels, self.widths)
        if len(self.widths) != len(path.widths) - 1:
            raise ConfigError(
                f"the {self.encoder} encoder needs {len(path.widths) - 1} widths, finest first, such as "
                f"{list(kind.default_widths)}; got {list(self.widths)}"
            )
        return path

    def forward(self, image: Tensor, clicks: Tensor | None = None) -> Tensor:
        """Logits (B, out_channels, H, W) of `image` (B, in_channels, H, W), any H, W >= 1.

        Args:
            image: Normalised picture.
            clicks: (B, 2, H, W) in 0..1, maps of foreground and background clicks (`unet.pictures.clicks`), or None.

        Raises:
            ConfigError: Clicks are given to a network without click layer.
        """
        logits: Tensor = self.head(self.expansive(self.features(image, clicks)))
        return logits

    def features(self, image: Tensor, clicks: Tensor | None = None) -> list[Tensor]:
        """The contracting path's maps, finest first; arguments and errors as for `forward`."""
        if clicks is not None and not self.clicks:
            raise ConfigError("these weights have no click layer and take no clicks")
        added = None if clicks is None else self.click_layer(clicks)
        if self.contracting.keeps_float32 and image.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):
                features: list[Tensor] = self.contracting(image.float(), None if added is None else added.float())
        else:
            features = self.contracting(image, added)
        return features

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
        model: UNet = super()._from_pretrained(strict=strict, **kwargs)
        return model


def with_click_layer(model: UNet) -> UNet:
    """A network that also takes clicks, with the weights of one that does or does not, and equal to it without clicks.

    Raises:
        ConfigError: The encoder takes no clicks.
    """
    if model.clicks:
        return model
    extended = UNet(**{**model.init_config, "clicks": True})
    extended.load_state_dict({**extended.state_dict(), **model.state_dict()})
    extended.click_layer.initialise(extended.contracting.stem_norm)
    return extended


def with_outputs(model: UNet, out_channels: int) -> UNet:
    """A network of so many outputs with the weights of another task, except for a new head and no click layer."""
    other = UNet(**{**model.init_config, "out_channels": out_channels, "clicks": False})
    state = other.state_dict()
    kept = {name: value for name, value in model.state_dict().items() if name in state}
    head = {name: value for name, value in state.items() if name.startswith("head.")}
    other.load_state_dict({**kept, **head})
    return other


def count_parameters(model: nn.Module) -> int:
    """Number of trainable values."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
