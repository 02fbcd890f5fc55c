"""Models that come from other programs, and models that go to them."""
