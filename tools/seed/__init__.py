"""Data to try the system with: tenants of very different sizes, their channels, tokens and job seekers."""
