"""What `scripts/package` does: everything that a cluster needs, made in the same bytes wherever it is made."""
