"""Loans that were not paid back."""
