"""Make the papers' tables and figures from the scores."""
