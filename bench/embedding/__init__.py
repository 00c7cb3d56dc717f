"""Images and texts as the numbers that a model trained on other data makes of them."""
