"""The commands of `gan-jax`, a module each, with a function `main(arguments, console) -> exit code`."""
