"""Applying a model to a table: a Spark SQL expression made from the design."""
