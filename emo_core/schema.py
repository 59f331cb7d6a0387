"""Default names, import-free so that the command line starts fast."""

DEFAULT_MODEL = "group-collage"  # a folder of emo_core/checkpoints
DEFAULT_METHOD, DEFAULT_PRESET = "integrated_gradients", "standard"  # best of docs/evidence.md
