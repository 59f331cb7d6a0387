"""The `emo` command."""
