"""Groups drawn frame by frame, with synthesised sound and known truth."""
