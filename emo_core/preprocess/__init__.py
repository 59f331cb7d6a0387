"""A clip's window becomes the tensors that a model reads."""
