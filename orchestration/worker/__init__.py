"""Runs claimed sessions on a worker host.

session_run    one session, from taking it to its end
preparing/     looks up once what a session, or a lander, works with
steps/         the steps of its round: implement, review, verify, push
agent_run/     one process of an agent in one role
agents/        one package per CLI, and what they share
heartbeat      renews leases and reads stop requests, for all sessions of a worker process
stop_listener  makes the heartbeat read stop requests at once
endings/       the ending of a session, by what happened and whose fault it was (pure)
reaper         ends sessions whose worker is gone
housekeeping   removes old files of agents
"""
