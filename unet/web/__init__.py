"""What the page and the public endpoints are made of: Gradio, but no tensors."""

from gradio import component_meta

# Gradio writes a type stub beside the source of every component class. A page that starts has no business writing
# into its own program, and such a stub would hide the source from type checkers.
component_meta.create_or_modify_pyi = lambda *_: None
