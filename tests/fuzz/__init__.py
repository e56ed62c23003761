"""Coverage-guided fuzzing of whatever reads bytes from outside: atheris looks for inputs that take new ways."""
