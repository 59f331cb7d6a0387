"""Corpora that need no signature: CREMA-D, RAVDESS and GAViD."""
