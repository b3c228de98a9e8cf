"""What a developer or operator runs on a machine."""
