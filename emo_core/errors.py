"""The base of every error that reaches people, import-free so that the command line starts fast."""


class EmoError(Exception):
    """One sentence for people: what was found, what was expected, what to do."""
