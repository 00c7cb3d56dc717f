"""What Python users call: runs, suites and classifiers opened, run, labelled from; `gmvae_bench` re-exports it."""
