"""Speech for kshot: sources, features and speaker-embedding encoders."""
