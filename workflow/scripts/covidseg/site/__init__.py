"""The site of the results: pages that open from disk, in any browser, without network."""
