"""How good, how sure, how dear."""
