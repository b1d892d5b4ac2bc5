"""The commands, one file each; heavy imports stay inside the functions, so that ``--help`` is quick.

In reading order: context, area_options, question_options, planet, running, previewing, queueing, questions, holdings,
models, demonstration, demo, ui, doctor.
"""
