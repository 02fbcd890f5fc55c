"""Generate synthetic CT scans of the thorax, in archives with the layouts of the real hosts."""

HOSTS = ("covid20", "msd", "structseg", "nsclc", "mosmed", "capepoint")  # of which there are phantoms
