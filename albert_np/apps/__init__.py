"""Programs: the command line, the demonstration, the HTTP service, experiments, conversion of weights."""
