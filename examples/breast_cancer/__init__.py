"""Malignant and benign lumps of the breast."""
