"""The program is killed, and nothing is lost or done twice."""
