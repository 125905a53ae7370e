"""Test data and code for calls of the hub modules in separate processes (see `hub_fixtures`)."""

from pathlib import Path

import numpy as np
from safetensors.numpy import save

ROOT = Path(__file__).resolve().parents[2]
REPO = "user/net"
SPACE = "user/page"
# Files of 64 KiB and more arrive in several pieces.
MODEL = save({"weight": np.arange(40_000, dtype=np.float32)})
FILES = {
    "model.safetensors": MODEL,
    "config.json": b'{"threshold": 0.5}\n',
    "split.json": b'{"train": []}\n',
    "curves.png": b"\x89PNG not really",
    "README.md": b"---\nlicense: mit\n---\n# Card\n",
}

# The command line of unet.hub.space for a program in another folder.
PUBLISH = "import sys, pathlib, unet.hub.space as s; s.ROOT = pathlib.Path(sys.argv.pop(1)); sys.exit(s.main())"

SNIPPET = """
import json, sys, time
from pathlib import Path
from unet.errors import UnetError
from unet.hub.source import locate, locate_or_embedded
from unet.hub import client, publish
from unet.hub.publish import push_weights
call, given = sys.argv[1], json.loads(sys.argv[2])
pace = given.pop("pace")
# The same number of attempts, but faster.
client.RETRY_PAUSES = publish.RETRY_PAUSES = [pace * p for p in client.RETRY_PAUSES]
answer, start = {}, time.monotonic()
try:
    if call == "push":
        answer["text"] = str(push_weights(**given))
    elif call == "locate":
        location, notices = locate(**given), []
    else:
        location, notices = locate_or_embedded(given.pop("source"), Path(given.pop("embedded")), **given)
    if call != "push":
        files = {p.name: p.read_bytes().hex() for p in location.folder.iterdir()}
        answer |= {"name": location.name, "revision": location.revision, "notices": notices, "files": files}
except UnetError as error:
    answer |= {"error": str(error), "class": type(error).__name__}
print(json.dumps({**answer, "seconds": time.monotonic() - start}))
"""


def write_weights(folder, files=FILES):
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def content(answer, name="model.safetensors"):
    return bytes.fromhex(answer["files"][name])
