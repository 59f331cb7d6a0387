"""Files and the network: atomic writes, downloads, cached weights."""
