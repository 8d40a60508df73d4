"""Who may call which job, and where it is: Lifecycle's answers, remembered."""
