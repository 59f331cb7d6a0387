"""Every layer once; models only wire them."""
