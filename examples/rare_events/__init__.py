"""Cancelled flights: one in forty."""
