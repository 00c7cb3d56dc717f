"""Names of a saved model's files, for those that need not read them."""

SETTINGS, WEIGHTS, HISTORY = "settings.json", "weights.safetensors", "history.csv"
