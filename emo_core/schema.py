"""Default names, import-free so that the command line starts fast."""

DEFAULT_MODEL = "group-collage"  # a folder of assets/checkpoints
DEFAULT_METHOD, DEFAULT_PRESET = "integrated_gradients", "standard"  # best of docs/evidence.md
