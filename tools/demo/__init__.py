"""`make demo`: the nightly round on the local stack, verified row by row."""
