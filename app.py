"""The page and its API: `python app.py [--weights FOLDER_OR_REPO] [--port N]`."""

import sys

from unet.web.app import main

if __name__ == "__main__":
    sys.exit(main(prog="app.py"))
