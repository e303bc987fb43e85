"""One process of an agent in one role: started, metered, ended.

process          runs it, from its start to its end
usage_listener   reads what it reports while it runs, and stops it when it must end
meters           count its usage, by the gateway or by its reports, and stop it at its limits
telemetry_log    keeps the telemetry of its CLI on disk
journals         books the usage of a dead worker's agents from the files that they left
edit_permission  decides whether it may change a file
outcomes         the facts about a session whose agent did not finish
"""
