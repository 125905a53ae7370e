"""The program behind `python app.py` and `unet app`.

Torch and Gradio are imported by the functions, so that `--help` and wrong options are answered at once.
"""

import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from unet.errors import UnetError
from unet.tuning import tune_for_pictures
from unet.web.options import check_port, parse_options

GPU_SECONDS = 10  # the longest that one picture may hold a ZeroGPU slot


def main(argv: Sequence[str] | None = None, prog: str = "unet app") -> int:
    """Load the weights, open the port and serve until SIGTERM or SIGINT.

    Args:
        argv: Arguments of the command line; those of this process by default.
        prog: Name of the program in messages.

    Returns:
        The exit status, if the page could not be served. After serving, the process ends here.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    tune_for_pictures()
    try:
        options = parse_options(argv, prog)
        check_port(options.host, options.port)
        os.environ["GRADIO_SERVER_PORT"] = str(options.port)  # Gradio's import fails on one that is no number
        on_gpu = gpu_decorator()  # before the imports below
        from unet.prediction.threads import NetworkThreads
        from unet.web import about, cache, server
        from unet.web.examples import prepare_in_background
        from unet.web.loading import load_predictor
        from unet.web.page import build
        from unet.web.service import Service

        network = NetworkThreads()
        predictor, notices = (load_predictor if on_gpu else network.on(load_predictor))(options.weights)
        with cache.cache_folder() as folder:
            place = on_gpu or network.on
            service = Service(predictor, folder, place(predictor.prob_small))
            facts = about.facts_html(predictor.name, predictor.revision, predictor.config, predictor.precision)
            page = build(service, facts, notices)
            prepare_in_background(service)
            server.serve_until_stopped(page, options)
    except UnetError as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return 1
    exit_process(0)


def gpu_decorator() -> Callable[[Callable[..., Any]], Callable[..., Any]] | None:
    """`spaces.GPU` on ZeroGPU hardware, where the network must ask for the GPU; None elsewhere.

    `spaces` makes torch see a GPU, so it must be imported before torch and before the predictor chooses its device.
    """
    if os.environ.get("SPACES_ZERO_GPU", "").lower() not in {"1", "t", "true"}:
        return None
    import spaces

    return spaces.GPU(duration=GPU_SECONDS)


def exit_process(status: int) -> NoReturn:
    """End the process without waiting for threads that still work on answers nobody will read."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
