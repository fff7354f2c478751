"""The commands of `gan-jax`, a module each, with a function `main(arguments, console) -> exit code`."""

__all__ = ["COMMANDS"]

# Of each command: what it takes, and what it does.
COMMANDS = {
    "experiments": ("", "list the experiments that come with the package"),
    "data": ("IMAGES --out DIR", "make a data set of any size of them"),
    "train": ("EXPERIMENT", "train; any setting of the experiment is an option"),
    "sweep": ("EXPERIMENT", "train it with every combination of settings, seeds among them"),
    "import": ("FOLDER --out RUN", "make a run of Stable Diffusion's, SDXL's or DDPM's files"),
    "sample": ("RUN", "draw images from a trained run"),
    "evaluate": ("SAMPLES", "score a run, an .npz file or a folder of images"),
    "compare": ("SAMPLES ...", "score several side by side"),
    "report": ("RUN ...", "all about a run, or several, in one HTML file"),
    "likelihood": ("RUN", "how likely a diffusion model or a VAE makes data"),
    "families": ("EXPERIMENTS", "train several for the same time, and compare them in all there is"),
    "check": ("RUN", "whether a run folder is as it was written"),
    "dream": ("IMAGE", "Deep Dream: what a network sees in a photograph"),
    "completion": ("SHELL", "print what completes these words in bash, zsh or fish"),
}
