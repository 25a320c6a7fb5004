"""Time series for kshot: sources, encoders and a reader of a fourth modality."""
