"""One update on devices, as the loop compiles it, for systems whose values no number of devices may change."""

import jax

from gan_jax.training.devices import data_parallel

__all__ = ["update_on"]


def update_on(build, spec, batch, *, count, strategy):
    """Return the state and the metrics after one step of `build(sharding)` on so many devices."""
    devices = data_parallel(count, strategy)
    system = build(devices.sharding)
    state = jax.jit(lambda: system.init(jax.random.key(0), spec))()
    state = jax.device_put(state, devices.layout(state))
    arguments = devices.replicate({"key": jax.random.key_data(jax.random.key(3)), "batch": batch})

    def update(state, arguments):
        return system.update(state, jax.random.wrap_key_data(arguments["key"]), arguments["batch"])

    return devices.compile(update, state, arguments)(state, arguments)
