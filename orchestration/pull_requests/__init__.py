"""Pull requests on a forge.

texts      title and body of a pull request, with the marker that finds it again: pure
deciding   what follows from what the forge shows: pure
stacking   work that begins from open pull requests
connecting the forge of a workspace
requests   the rows: opened, followed, ended
heads      their branches: pushed, and taken in with what others pushed
sync       looks at the forge and does what is decided
"""
