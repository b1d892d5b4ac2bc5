"""What a person touches.

In reading order: query, engine, export, door, cli, commands.
"""
