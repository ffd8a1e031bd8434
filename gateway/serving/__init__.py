"""What every front serves by: who asks, what runs and is stopped, and how rows leave."""
