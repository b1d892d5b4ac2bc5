"""What agents ask: the Model Context Protocol at `/mcp`, read-only, where the setting `agents` is on.

In reading order: replies (what they are told, typed), tools (what they may ask), door (the protocol on the app's port).
"""
