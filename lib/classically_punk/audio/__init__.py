"""Bytes or a path -> samples: inventory, labels, integrity, decode. Knows no Spark."""
