"""Text for kshot: sources, tokenisation and transformer encoders."""
