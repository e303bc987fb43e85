"""An agent's answer: found in its text, read by a schema, and checked against what the run may refer to. Pure.

json_answers    finds the JSON
proposed        the changes that an answer proposes
answers         a planner's: entries
split_answers   an expander's: children, or a better description
change_answers  an orchestrator's: changes of the backlog, by `change_schema`
"""
