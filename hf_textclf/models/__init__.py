"""The networks, their registration, how they are loaded and initialised."""
