"""What palettes say of masks of classes: whether their indices mean the same in all files."""

from collections.abc import Sequence

import numpy as np

from unet.data.contents import MaskContent

NO_PALETTE = (-1,) * 256  # of masks none of which has a palette


def agreed_palette(contents: Sequence[MaskContent], known: Sequence[int] = NO_PALETTE) -> tuple[int, ...] | None:
    """The codes of the palette's entries that masks use, -1 of the others; None if two masks disagree in one.

    `known` are those of masks that were looked at before. Masks without a palette agree with any.
    """
    common = np.array(known)
    for content in contents:
        if content.palette is not None:
            own = content.palette[content.codes]
            if ((common[content.codes] != -1) & (common[content.codes] != own)).any():
                return None
            common[content.codes] = own
    return tuple(common.tolist())


def doubtful_grey(content: MaskContent, palette: Sequence[int]) -> str | None:
    """Why a value of a mask without a palette may mean two things beside masks with `palette`, or None if it does not.

    Its id is one class then, and its grey is the colour of another's index, and of no other index.
    """
    if content.palette is not None:
        return None
    for grey in content.codes[content.codes < len(palette)].tolist():
        if palette.count(grey) == 1 and palette[grey] != grey:
            index = palette.index(grey)
            meanings = f"is an id, or the colour that others have as index {index}"
            return f"{content.name} has no palette, so that its value {grey} {meanings}"
    return None
