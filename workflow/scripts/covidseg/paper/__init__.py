"""From scores to the papers' tables and figures."""
