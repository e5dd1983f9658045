"""Applications, each with its data and configurations."""
