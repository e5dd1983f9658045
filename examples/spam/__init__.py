"""Spam among e-mails."""
