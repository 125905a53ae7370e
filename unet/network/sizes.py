"""Sizes of pictures as options take them: `240`, or `360x480` for height and width, in pixels."""

Size = int | tuple[int, int]


def parse_size(text: str) -> Size:
    """The size of `N` or `HxW`.

    Raises:
        ValueError: The text is neither.
    """
    if "x" not in text.lower():
        return int(text)
    height, width = map(int, text.lower().split("x"))
    return height, width


def size_name(size: Size) -> str:
    """A size as options take it."""
    return str(size) if isinstance(size, int) else f"{size[0]}x{size[1]}"


def height_and_width(size: Size) -> tuple[int, int]:
    """Of one number both."""
    return (size, size) if isinstance(size, int) else size
