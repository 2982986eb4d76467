"""A study that is still to be made: what each model is expected to predict, and which to use."""
