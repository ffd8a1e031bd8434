"""System tables: what the gateway knows, as tables of the domain ``system``, for whoever asks."""
