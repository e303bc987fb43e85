"""One process of an agent in one role: started, metered, ended.

process          runs it, from its start to its end
usage_listener   reads its reports, and stops it at its limits
meters           count its usage, by the gateway or by its reports, and stop it at its limits
telemetry_log    keeps the telemetry of its CLI on disk
journals         books the usage of a dead worker's agents from their files
edit_permission  permits or refuses its edits
outcomes         the facts about an unfinished agent
"""
