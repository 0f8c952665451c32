"""Files, outbound: each channel is a file in the data folder that messages are added to."""
