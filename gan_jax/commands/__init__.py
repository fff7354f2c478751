"""The commands of `gan-jax`, a file each: functions `(arguments, console) -> exit code`."""
