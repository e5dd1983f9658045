"""What was asked of the columns, what was learned from the table, and the blocks that follow."""
