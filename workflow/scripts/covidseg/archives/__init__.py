"""From an address to a whole archive."""
