"""Logistic regression for warehouse tables, fitted exactly, on Spark."""
