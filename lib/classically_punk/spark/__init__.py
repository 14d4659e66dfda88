"""Thin adapters between Spark and the rest: no arithmetic of their own. Only `tables` knows of Delta."""
