"""For analysts: results as files with declared types. Needs neither Django nor a database."""
