"""Memory that PyTorch frees stays with the process, so that the next tensor does not fault it in page by page."""

import ctypes

# Parameters of mallopt(3), from glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory instead of returning it to the system; call it before the first tensor.

    By default glibc maps every large block anew and unmaps it when it is freed. A training step frees and allocates
    gigabytes, and the page faults of mapping them cost as much time as the arithmetic. Results do not change.

    Returns:
        Whether it was done: only glibc has these settings (not musl, macOS or Windows).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
        ctypes.CDLL(None).gnu_get_libc_version  # noqa: B018  # musl has a mallopt that does nothing
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, -1))
