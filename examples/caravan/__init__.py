"""Who buys a caravan insurance."""
