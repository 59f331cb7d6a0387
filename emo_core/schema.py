"""What is used where nobody chose; of no other module, so that a command can show it at once."""

DEFAULT_MODEL = "group-collage"  # a folder of assets/checkpoints
DEFAULT_METHOD, DEFAULT_PRESET = "integrated_gradients", "standard"  # best of docs/evidence.md
