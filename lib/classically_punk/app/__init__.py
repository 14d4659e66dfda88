"""The `punk` command line and what scripts call: everything here works without Spark and without a JVM."""
