"""Tables of docs/: claims of the papers, evidence for explanations, real people."""
