"""Risk factors of a low birth weight."""
