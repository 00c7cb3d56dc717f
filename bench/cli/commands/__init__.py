"""`COMMANDS`: name and summary of every command. Each is a function in the module of the same name in this folder.

A module is imported when its command is called, so that `--help` answers at once.
"""

from collections.abc import Mapping

COMMANDS: Mapping[str, str] = {
    "run": "Train models without labels, name their clusters with a few, and compare with other learners.",
    "suite": "Run several data sets as one, and rank methods over them.",
    "search": "Find good settings with Optuna, and say how many labels that took.",
    "status": "Say how far a run is: cells done, failed and missing, models trained.",
    "watch": "Show a run on a local page that refreshes itself.",
    "table": "Print what a run measured: method by budget, differences, labels to a target, costs.",
    "compare": "Print several runs in one table.",
    "merge": "Unite runs on the same data, or results of the same suite, from several machines.",
    "claims": "Put the paper's claims beside what a run measured.",
    "plot": "Draw a run's figures as PNG, SVG and PDF.",
    "explain": "Show one item that hard decoding gets wrong and soft decoding right, and why.",
    "report": "Write a run as one HTML page that works offline.",
    "export": "Write a run small enough to publish, without weights, paths or host names.",
    "coverage": "Say how many random labels it takes until every cluster has one.",
    "select": "Say which items to label, and make a page to label them in.",
    "label": "Label every item of a run's data from a few labels, and say how many are right.",
    "predict": "Classify new items with a classifier that `label --classifier` wrote.",
    "serve": "Serve a classifier over HTTP.",
    "recommend": "Say which method to use, what to expect of it, and whether more labels are worth it.",
    "embed": "Turn images or texts into vectors by a pretrained model.",
    "speed": "Measure how fast this machine trains, and what a sweep would take.",
    "methods": "List methods and samplers.",
    "datasets": "List the data sets, or describe a file of your own.",
}
