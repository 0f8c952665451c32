"""What the contract suite of chat adapters is run over: a harness for each platform, and a tiny one."""
