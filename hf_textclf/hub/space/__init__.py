"""Spaces: a page on models of the Hub."""
