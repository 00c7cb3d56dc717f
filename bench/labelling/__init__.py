"""From a pile of data to a labelled one: which items to label, and labels for all the others."""
