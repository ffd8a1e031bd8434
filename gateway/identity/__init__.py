"""Who is calling: passwords, tokens and certificates, each turned into a `Principal`."""
