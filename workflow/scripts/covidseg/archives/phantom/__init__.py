"""Generate synthetic CT scans of the thorax, in archives with the layouts of the real hosts."""
