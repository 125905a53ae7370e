"""The command `python -m unet.space USER/NAME --weights USER/MODEL`, see `unet.hub.space`."""

import sys

from unet.hub.space import main

if __name__ == "__main__":
    sys.exit(main())
