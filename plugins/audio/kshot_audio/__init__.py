"""kshot plugin."""
