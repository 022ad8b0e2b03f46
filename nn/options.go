package nn

// ParseSolverOptions returns the configuration for options with the course's names:
// update_rule, optim_config (a map[string]any with learning_rate, momentum, decay_rate,
// beta1, beta2, epsilon), lr_decay, batch_size, num_epochs, print_every, verbose (with
// it the log goes to log), checkpoint_name, num_train_samples, num_val_samples. What
// is not given has the course's default. An unknown name or a value of the wrong type
// is an error.
func ParseSolverOptions(options map[string]any) (SolverConfig, error) {
	panic("not yet")
}
