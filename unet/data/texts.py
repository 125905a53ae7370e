"""Reading the text files of a data folder."""

from pathlib import Path

from unet.errors import DataError


def read_utf8(path: Path, what: str) -> str:
    """The text of a file, without a byte order mark; `what` names it in messages.

    Raises:
        DataError: The file cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{what} {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{what} {path} is not UTF-8 text; save it as UTF-8") from error
