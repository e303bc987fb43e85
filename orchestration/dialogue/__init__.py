"""The dialogue of people and agents.

`questions` notes what agents ask, and takes the answers. `messages` takes instructions for the next prompt, and messages for an agent at work; `progress_warnings` are Muster's own.
`delivery` gives both to an agent, and records what is known to have arrived. `reads` lists them; `texts` bounds them.
"""
