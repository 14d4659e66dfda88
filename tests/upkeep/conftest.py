"""The fixtures of the tests of the Spark adapters."""

from tests.spark.conftest import bench, described, spark

__all__ = ["bench", "described", "spark"]
