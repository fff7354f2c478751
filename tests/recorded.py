"""What TensorBoard's files hold."""

from tensorboardX.proto.event_pb2 import Event


def events(folder):
    """TensorBoard's records: length (8 bytes), its checksum (4), an event, its checksum (4)."""
    for file in folder.glob("events.out.tfevents.*"):
        data = file.read_bytes()
        while data:
            length = int.from_bytes(data[:8], "little")
            yield Event.FromString(data[12 : 12 + length])
            data = data[16 + length :]
