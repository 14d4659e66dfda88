"""Music genres from audio on Spark: one linear regression per genre, with honest numbers."""

__version__ = "0.1.0"
