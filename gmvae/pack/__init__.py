"""Several models trained as one: every parameter has an axis of models in front, and every product is a batch of products.

A Gaussian-mixture VAE is small, so that one alone leaves an accelerator waiting for launches. Models of a pack see the same data
in orders of their own, and draw from streams of their own: each ends where its training alone would end.
"""
