"""The folder that all rooms share: every file name in it, whether it is whole, what it says of itself."""
