"""Runs claimed sessions on a worker host.

session_run    one session, from its claim to its end
preparing/     the surroundings of a session or a lander, read once
steps/         the steps of its round: implement, review, verify, push
agent_run/     one process of an agent in one role
agents/        one package per CLI, and their shared parts
heartbeat      renews leases and reads stop requests, for all sessions of a worker process
stop_listener  makes the heartbeat read stop requests at once
endings/       the ending of a session, by event and fault (pure)
reaper         ends sessions of dead workers
housekeeping   removes old files of agents
"""
