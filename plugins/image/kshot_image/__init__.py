"""Images for kshot: sources and encoders."""
