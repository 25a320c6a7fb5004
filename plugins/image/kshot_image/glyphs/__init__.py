"""Letters of many scripts, drawn from the DejaVu faces that matplotlib brings along."""
