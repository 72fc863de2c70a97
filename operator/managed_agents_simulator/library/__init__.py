"""What sessions refer to: agents, environments, vaults, files, memory stores. They are plain documents on shelves.

Nothing in here knows about sessions; a session looks things up here when it is made.
"""
