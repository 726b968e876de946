"""How weights are changed: optimizers, schedules of the rate, averages of the weights."""
