"""Corpora as published: one reader a corpus, checks, windows, and the cache of decoded clips."""
