"""Which module loads each kind of retriever; nothing heavy is imported."""

LOADERS = {
    "open_clip": "clipit.encoders.open_clip_retriever:load_open_clip",
    "transformers": "clipit.encoders.transformers_retriever:load_transformers",
    "conch": "clipit.encoders.conch_retriever:load_conch",
    "aligned": "clipit.encoders.aligned:load_aligned",
}
"""Module and function; named, not imported, so that a job imports the libraries of its own retriever alone, and its
code digest covers no other."""
