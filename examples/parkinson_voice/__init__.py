"""Parkinson's disease in a voice."""
