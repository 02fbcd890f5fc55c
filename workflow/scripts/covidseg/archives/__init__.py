"""Download archives, verify them and read their files."""
