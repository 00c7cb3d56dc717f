"""The benchmark: its folders are the stages, in the order data flow: data, plan, judge, store, engine, stats, show, cli."""
