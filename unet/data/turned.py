"""Masks of pictures that EXIF turns: whether they lie as the picture is seen or as its rows are stored."""

from collections.abc import Sequence
from dataclasses import dataclass

SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that exchange width and height


@dataclass(frozen=True)
class Turn:
    """Orientations and sizes of a picture and its mask."""

    image: int  # EXIF orientation, 1 = upright
    mask: int
    size: tuple[int, int]  # width and height of the upright picture
    mask_size: tuple[int, int]

    @property
    def doubtful(self) -> bool:
        """Whether the mask may lie as the stored rows of a turned picture, and sizes do not tell."""
        square = self.size[0] == self.size[1]
        told = self.image in SIDEWAYS and not square
        return self.image in range(2, 9) and self.mask != self.image and self.size == self.mask_size and not told

    @property
    def upright(self) -> bool:
        """Whether sizes show that the mask of a turned picture is upright without a tag of its own."""
        told = self.image in SIDEWAYS and self.size[0] != self.size[1]
        return told and self.mask == 1 and self.size == self.mask_size

    @property
    def stored(self) -> bool:
        """Whether sizes show that the mask lies as the rows of its turned picture are stored."""
        turned = self.image in SIDEWAYS and self.mask != self.image
        return turned and self.size != self.mask_size and self.size == self.mask_size[::-1]


def all_upright(turns: Sequence[Turn]) -> bool:
    """Whether the folder's other pairs tell that doubtful masks are upright: some are, and none lies as stored."""
    return any(turn.upright for turn in turns) and not any(turn.stored for turn in turns)
