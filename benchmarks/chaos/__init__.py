"""A run is killed at random moments, and gone on with: does it come to the same end?"""
