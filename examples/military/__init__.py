"""Women among the members of the armed forces."""
