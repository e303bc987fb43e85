"""Shared by the packages of all agents.

interface           the shape of an agent module
events              the events into which readers turn any agent's output
failures            failures by name, with their cause and remedy
telemetry_endpoint  receives a CLI's telemetry and its hook
json_values         untrusted JSON, and the prompt as an argument
token_counts        token counts of CLIs and APIs as usage; merging of settings
file_tail           reads files while a CLI appends to them
gemini_cli          Gemini CLI and its fork Qwen Code
conversation_ids    conversations of CLIs that are tied to a working directory
cli_versions        the CLIs on this host
toml                writes TOML
"""
