"""Odd and broken files made by code, each with what has to become of it by the list of reason codes."""
