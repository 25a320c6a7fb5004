"""The commands around a classifier of one's own things: fit, predict, enroll, forget, inspect."""
