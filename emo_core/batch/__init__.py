"""One row a clip, of any number of clips: on one machine or, through Ray Data, on many."""
