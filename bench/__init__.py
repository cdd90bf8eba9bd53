"""Benchmarks; no part of the installed package. Start with README.md."""
