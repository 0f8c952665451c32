"""Reading the configuration: the environment and `nightdesk.toml`, each problem with its place."""
