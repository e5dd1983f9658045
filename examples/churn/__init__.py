"""Churn of telecom customers: the data of the demo."""
