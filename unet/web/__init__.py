"""The page and its public API: Gradio, but no tensors.

It may import every room except training, and no torch: `app` must answer `--help` before anything slow is loaded.
"""

import os

# Gradio and huggingface_hub read these while they are imported: nothing about visitors is sent to anyone.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
