"""The warehouse table: opening it and finding the columns that have a part in the model."""
