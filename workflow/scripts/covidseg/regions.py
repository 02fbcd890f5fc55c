"""The regions that data sets label."""

LESIONS = ("lesion", "infection")  # an infection is a lesion; the COVID-19 data sets use the narrower word
LUNGS = ("left_lung", "right_lung")
