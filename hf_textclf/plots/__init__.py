"""Pictures of numbers, as png files. Every function takes a path, arrays and names, and knows no model."""
